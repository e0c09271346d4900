//! GraphiQL, served from here: nothing of it comes from elsewhere (`vendor` packs it), and the page may fetch from
//! nowhere else. It holds nobody's data; whoever asks types a key.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::response::{Html, IntoResponse, Response};

use crate::error::{ApiError, Code};

/// Scripts, answers and live updates from this origin only. CodeMirror writes styles of its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      connect-src 'self'; img-src 'self' data:; font-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Name, media type, encoding, bytes.
const FILES: [(&str, &str, &str, &[u8]); 6] = [
    ("graphiql.css", STYLE, "gzip", include_bytes!("graphiql.css.gz")),
    ("graphiql.js", SCRIPT, "gzip", include_bytes!("graphiql.js.gz")),
    ("react.js", SCRIPT, "gzip", include_bytes!("react.js.gz")),
    ("react-dom.js", SCRIPT, "gzip", include_bytes!("react-dom.js.gz")),
    ("page.css", STYLE, "identity", include_bytes!("page.css")),
    ("start.js", SCRIPT, "identity", include_bytes!("start.js")),
];

/// `GET /graphiql`.
pub(super) async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(include_str!("page.html")))
}

/// `GET /graphiql/{file}`.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let Some((_, media, encoding, bytes)) = FILES.iter().find(|(file, ..)| *file == name) else {
        return ApiError::new(Code::NotFound, "no such file").into_response();
    };
    let headers = [
        (CONTENT_TYPE, *media),
        (CONTENT_ENCODING, *encoding),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "max-age=3600"),
    ];
    (StatusCode::OK, headers, *bytes).into_response()
}
