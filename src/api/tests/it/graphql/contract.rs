//! What was published stays true.

use std::path::Path;

/// The published schema is the one in the code. `WAYBILL_BLESS=1` writes it anew, for a person to read.
#[test]
#[expect(clippy::disallowed_methods, reason = "blessing is asked for by the environment")]
fn the_published_sdl_is_the_schema() {
    let path = Path::new("../../schema/graphql/waybill.graphql");
    let sdl = waybill_api::graphql::sdl();
    if std::env::var_os("WAYBILL_BLESS").is_some() {
        std::fs::write(path, &sdl).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(published, sdl, "run with WAYBILL_BLESS=1, read the difference, publish it");
}
