//! The bindings are laid out as the C headers say.

use std::collections::BTreeSet;

/// As `record-layout.sh` wrote it.
const RECORDED: &str = include_str!("../layout.txt");

#[test]
fn every_structure_field_and_constant_is_where_the_c_headers_have_it() {
    const { assert!(cfg!(target_pointer_width = "64"), "the table is for 64-bit machines") };
    let recorded: Vec<&str> = RECORDED.lines().filter(|line| !line.starts_with('#')).collect();
    let ours = rkmpp_sys::layout::lines();
    for (line, (recorded, ours)) in recorded.iter().zip(&ours).enumerate() {
        assert_eq!(ours, recorded, "line {} of the table", line + 1);
    }
    assert_eq!(ours.len(), recorded.len(), "a line too many or too few: run record-layout.sh");
}

#[test]
fn the_table_names_the_commit_that_it_came_from_and_no_name_twice() {
    let commit = RECORDED.lines().next().and_then(|line| line.split("commit ").nth(1)).unwrap_or_default();
    assert!(commit.len() > 40 && commit[..40].chars().all(|digit| digit.is_ascii_hexdigit()), "{commit:?}");
    let lines = rkmpp_sys::layout::lines();
    let names: BTreeSet<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names.len(), lines.len());
    assert!(names.len() > 90, "{} names", names.len());
}
