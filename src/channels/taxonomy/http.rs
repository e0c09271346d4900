use schema::FailureClass::{
    self, Auth, Config, Content, Policy, RecipientPermanent, Throttled, Transient, Unknown,
};

/// Status (IANA HTTP Status Code Registry; 509, 520–530 and 598–599 as CDNs use them) → what can be done about it.
/// Sorted by status.
const HTTP: &[(u16, FailureClass)] = &[
    (400, Content),
    (401, Auth),
    (402, Policy),
    (403, Auth),
    (404, Config),
    (405, Config),
    (406, Content),
    (407, Config),
    (408, Transient),
    (409, Transient),
    (410, RecipientPermanent),
    (411, Config),
    (412, Config),
    (413, Content),
    (414, Config),
    (415, Content),
    (416, Config),
    (417, Config),
    (421, Transient),
    (422, Content),
    (423, Transient),
    (424, Transient),
    (425, Transient),
    (426, Config),
    (428, Config),
    (429, Throttled),
    (431, Config),
    (451, Policy),
    (500, Transient),
    (501, Config),
    (502, Transient),
    (503, Transient),
    (504, Transient),
    (505, Config),
    (506, Config),
    (507, Transient),
    (508, Config),
    (509, Throttled),
    (510, Config),
    (511, Config),
    (520, Transient),
    (521, Transient),
    (522, Transient),
    (523, Transient),
    (524, Transient),
    (525, Transient),
    (526, Transient),
    (527, Transient),
    (529, Throttled),
    (530, Transient),
    (598, Transient),
    (599, Transient),
];

/// What an HTTP status other than 2xx means. Redirects are `config`: they are not followed (a signed body goes to the
/// address that was verified, or nowhere).
#[must_use]
pub fn http_class(status: u16) -> FailureClass {
    if (300..400).contains(&status) {
        return Config;
    }
    HTTP.binary_search_by_key(&status, |row| row.0).map_or(Unknown, |at| HTTP[at].1)
}

/// The taxonomy's name for an HTTP status.
#[must_use]
pub fn http_code(status: u16) -> String {
    if (300..400).contains(&status) { "http.redirect".to_owned() } else { format!("http.{status}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_without_repeats() {
        assert!(HTTP.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn statuses_have_their_class() {
        for (status, class) in [
            (301, Config),
            (308, Config),
            (400, Content),
            (401, Auth),
            (404, Config),
            (410, RecipientPermanent),
            (413, Content),
            (429, Throttled),
            (451, Policy),
            (500, Transient),
            (503, Transient),
            (529, Throttled),
            (418, Unknown),
            (599, Transient),
            (199, Unknown),
            (777, Unknown),
        ] {
            assert_eq!(http_class(status), class, "{status}");
        }
        assert_eq!((http_code(302), http_code(503)), ("http.redirect".into(), "http.503".into()));
    }
}
