//! `campari names`: who is behind a pseudonym, and for how long that may be known.

use super::tell::Table;
use super::{Done, Output};
use crate::names::{Name, Names};
use anyhow::Result;
use jiff::civil::Date;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write down who is behind a pseudonym.
    Add(AddArguments),
    /// Print all names.
    Show(ShowArguments),
    /// Erase the names whose time is over. Journals and usage records hold pseudonyms only and stay as they are.
    Erase(EraseArguments),
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Add(arguments) => arguments.json,
            Command::Show(arguments) => arguments.json,
            Command::Erase(arguments) => arguments.json,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct AddArguments {
    /// As in grants: operator, requester, or subscriber.
    pseudonym: String,
    /// The name.
    name: String,
    /// The last day on which it may be kept.
    #[arg(long, value_name = "DATE")]
    until: Date,
    /// The file with the names; made if it is not there, mode 0600.
    #[arg(long, value_name = "FILE", default_value = "names.json")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArguments {
    /// The file with the names.
    #[arg(long, value_name = "FILE", default_value = "names.json")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct EraseArguments {
    /// Names that may be kept to an earlier day than this are erased; today's date erases all whose time is over.
    #[arg(long, value_name = "DATE")]
    before: Date,
    /// The file with the names.
    #[arg(long, value_name = "FILE", default_value = "names.json")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command, output: Output) -> Result<Done> {
    match command {
        Command::Add(AddArguments { pseudonym, name, until, file, .. }) => {
            let mut names = Names::read_or_new(&file)?;
            let people = format!("{pseudonym} is {name}, until {until}");
            let programs = json!({"ok": true, "pseudonym": pseudonym, "until": until});
            names.add(pseudonym, Name { name, until });
            names.write(&file)?;
            output.result(|| people, &programs);
        }
        Command::Show(ShowArguments { file, .. }) => {
            let names = Names::read(&file)?;
            let mut table = Table::new(&["pseudonym", "name", "until"]);
            for (pseudonym, name) in names.all() {
                table.row(vec![pseudonym.to_owned(), name.name.clone(), name.until.to_string()]);
            }
            output.result(|| table.text(), &names);
        }
        Command::Erase(EraseArguments { before, file, .. }) => {
            let mut names = Names::read(&file)?;
            let gone = names.erase_before(before);
            names.write(&file)?;
            let people = || match gone.len() {
                0 => format!("no name was to be kept to a day before {before}"),
                count => format!("{count} erased: {}", gone.join(", ")),
            };
            output.result(people, &json!({"ok": true, "erased": gone}));
        }
    }
    Ok(Done::Yes)
}
