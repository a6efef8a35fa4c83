//! Writes the published contract: the files of `schema/` and the tables of README.md. `cargo xtask contract` runs it.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in contract::schema::files() {
        let path = here.join("schema").join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap_or(here))?;
        std::fs::write(path, file.text())?;
    }
    let page = here.join("README.md");
    let text = std::fs::read_to_string(&page)?;
    std::fs::write(page, contract::schema::readme(&text))
}
