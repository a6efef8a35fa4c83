//! The tables of README.md, between marks, so that the page and the types cannot part.

use super::{Channel, channels, reasons, tokens};
use std::fmt::Write as _;

/// The page with its tables made anew. A block runs from `<!-- NAME: … -->` to `<!-- end -->`.
#[must_use]
pub fn readme(page: &str) -> String {
    [("topics", topics()), ("tokens", token_table()), ("errors", errors()), ("ends", ends())]
        .iter()
        .fold(page.to_owned(), |page, (name, table)| replace(&page, name, table))
}

fn replace(page: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- {name}: ");
    let Some((before, rest)) = page.split_once(&begin) else { return page.to_owned() };
    let Some((remark, rest)) = rest.split_once("-->\n") else { return page.to_owned() };
    let Some((_, after)) = rest.split_once("<!-- end -->") else { return page.to_owned() };
    format!("{before}{begin}{remark}-->\n{table}<!-- end -->{after}")
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|&cell| cell.to_owned()).collect());
    let _ = writeln!(text, "|{}", "---|".repeat(head.len()));
    rows.for_each(|row| text.push_str(&line(row.into_iter().map(|cell| cell.replace('|', "\\|")).collect())));
    text
}

fn topics() -> String {
    let names = |parties: &[super::Party]| parties.iter().map(|party| party.name()).collect::<Vec<_>>().join(", ");
    let row = |channel: Channel| {
        let messages: Vec<_> = channel.messages.iter().map(|message| format!("`{}`", message.name())).collect();
        let how = match (channel.retained, channel.expiry_s) {
            (true, _) => "retained".to_owned(),
            (false, Some(expiry_s)) => format!("expires after {expiry_s} s"),
            (false, None) => String::new(),
        };
        vec![
            format!("`{}`", channel.address),
            messages.join(" or "),
            names(channel.writes),
            names(channel.reads),
            how,
            if channel.answered { "yes" } else { "" }.to_owned(),
        ]
    };
    table(&["topic", "message", "who publishes", "who subscribes", "how", "answered"], channels().into_iter().map(row))
}

fn token_table() -> String {
    let row = |token: super::Token| {
        let signers: Vec<_> = token.signers.iter().map(|party| party.name()).collect();
        vec![
            format!("`{}`", token.kind.typ()),
            signers.join(", "),
            format!("[claims](schema/{})", token.claims_path()),
            format!("[header](schema/{})", token.header_path()),
            format!("{} KiB", token.longest / 1024),
        ]
    };
    table(&["typ", "signed by", "claims", "header", "longest"], tokens().into_iter().map(row))
}

fn errors() -> String {
    let row = |(code, cause, remedy): (String, String, &str)| vec![format!("`{code}`"), cause, remedy.to_owned()];
    table(&["code", "cause", "what to do"], reasons::errors().into_iter().map(row))
}

fn ends() -> String {
    let row = |(reason, cause, told): (String, String, String)| vec![format!("`{reason}`"), cause, format!("`{told}`")];
    table(&["reason", "cause", "the subscriber is told"], reasons::ends().into_iter().map(row))
}
