//! `campari journal`: what a board's journal proves, and what is in it. Offline: files, and heads that were seen earlier.

use super::tell::{self, Table};
use super::{Done, Output};
use crate::lines;
use crate::names::Names;
use anyhow::{Context, Result, bail};
use contract::Jti;
use contract::body::SignedHead;
use contract::claims::{Head, TokenKind};
use journal::{Audit, Beginning, Compared, Entry, MAX_LINE, Proof, What, segment};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use token::PublicKey;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Does the chain hold: nothing altered, left out, inserted, moved or cut off? Exit status 0 it does, 1 it does not, 2 it could not be looked at.
    Verify(VerifyArguments),
    /// What happened, as a table. Verify first.
    Show(ShowArguments),
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Verify(arguments) => arguments.json,
            Command::Show(arguments) => arguments.json,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArguments {
    /// The journal's files, or the folder that holds them (a board's state folder, or a copy).
    #[arg(value_name = "FILE|DIR", required = true)]
    journal: Vec<PathBuf>,
    /// A head that was seen earlier on the topic `journal` (JSON, one a line); shows whether the end was cut off or the whole written anew.
    #[arg(long, value_name = "HEAD.json")]
    head: Vec<PathBuf>,
    /// The board's public key, as it was told when the board was put up; without it a head proves only that it was signed by the key in it.
    #[arg(long, value_name = "X")]
    board_key: Option<String>,
    /// Only a part of the journal is at hand: that entries before it are missing is no fault.
    #[arg(long)]
    part: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArguments {
    /// The journal's files, or the folder that holds them.
    #[arg(value_name = "FILE|DIR", required = true)]
    journal: Vec<PathBuf>,
    /// Only this share.
    #[arg(long, value_name = "JTI")]
    share: Option<Jti>,
    /// Not before (2026-11-22, or 2026-11-22T14:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = tell::moment)]
    since: Option<u64>,
    /// Before.
    #[arg(long, value_name = "TIME", value_parser = tell::moment)]
    until: Option<u64>,
    /// Names behind the pseudonyms (`campari names`).
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, output: Output) -> Result<Done> {
    match command {
        Command::Verify(arguments) => match verify(arguments, output) {
            Ok(done) => Ok(done),
            Err(error) => {
                output.failed(&error);
                Ok(Done::Unknown)
            }
        },
        Command::Show(arguments) => show(arguments, output),
    }
}

/// The files of a journal, oldest first: of a folder its segments, of files those, in the order of their first entries.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct First {
        seq: u64,
    }
    let mut found = Vec::new();
    for path in given {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("folder {}", path.display()))?;
        let before = found.len();
        let is_segment = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).and_then(segment::number);
        found.extend(entries.flatten().map(|entry| entry.path()).filter(|path| is_segment(path).is_some()));
        if found.len() == before {
            bail!("folder {}: no journal in it (journal-000001.jsonl and so on)", path.display());
        }
    }
    let mut ordered = Vec::new();
    for path in found {
        let mut first = None;
        lines::each::<std::io::Error>(&path, MAX_LINE, |line| {
            if line.number == 1 {
                first = serde_json::from_slice::<First>(line.bytes).ok().map(|line| line.seq);
            }
            Ok(())
        })
        .with_context(|| format!("journal {}", path.display()))?;
        ordered.push((first.unwrap_or(u64::MAX), path));
    }
    ordered.sort();
    Ok(ordered.into_iter().map(|(_, path)| path).collect())
}

/// A head and where it came from, its signature looked at.
struct Seen {
    file: String,
    head: SignedHead,
    /// By whom it was signed and when, or why that proves nothing.
    signed: Result<(String, u64), String>,
}

fn heads(arguments: &VerifyArguments) -> Result<Vec<Seen>> {
    let board_key = match arguments.board_key.as_deref() {
        Some(x) => Some(PublicKey::from_x(x).context("--board-key")?),
        None => None,
    };
    let mut seen = Vec::new();
    for path in &arguments.head {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("head {file}"))?;
        let heads = serde_json::Deserializer::from_str(&text).into_iter::<SignedHead>();
        for head in heads {
            let head = head.with_context(|| format!("head {file}"))?;
            seen.push(Seen { file: file.clone(), signed: signature(&head, board_key), head });
        }
    }
    if seen.is_empty() && !arguments.head.is_empty() {
        bail!("there is no head in the files given with --head");
    }
    Ok(seen)
}

fn signature(seen: &SignedHead, board_key: Option<PublicKey>) -> Result<(String, u64), String> {
    let Some(token) = &seen.token else { return Err("it is not signed".into()) };
    let key = match (board_key, &seen.board_key) {
        (Some(key), _) => key,
        (None, Some(x)) => PublicKey::from_x(x).map_err(|cause| cause.to_string())?,
        (None, None) => return Err("it names no key; give --board-key".into()),
    };
    let head: Head = token::verify(TokenKind::JournalHead, token, |_| Some(key)).map_err(|cause| cause.to_string())?;
    if (head.entries, &head.head) != (seen.head.entries, &seen.head.head) {
        return Err("what is signed is another head".into());
    }
    Ok((key.x(), head.iat))
}

/// The first line that does not hold.
#[derive(Debug, Serialize)]
struct Broken {
    file: String,
    line: u64,
    byte: u64,
    after_entry: u64,
    why: String,
}

fn verify(arguments: &VerifyArguments, output: Output) -> Result<Done> {
    let files = files(&arguments.journal)?;
    let seen = heads(arguments)?;
    let mut audit = Audit::new(seen.iter().map(|seen| seen.head.head.clone()));
    let (mut broken, mut torn) = (None, None);
    for (index, path) in files.iter().enumerate() {
        let newest = index + 1 == files.len();
        lines::each::<std::io::Error>(path, MAX_LINE, |line| {
            if broken.is_some() {
                return Ok(());
            }
            let why = match (line.whole, line.too_long) {
                (_, true) => Err("the line is longer than any that was written"),
                (false, _) if newest => {
                    torn = Some((path.display().to_string(), line.bytes.len()));
                    Ok(())
                }
                (false, _) => Err("the line is not whole"),
                (true, _) => audit.line(line.bytes),
            };
            broken = why.err().map(|why| Broken {
                file: path.display().to_string(),
                line: line.number,
                byte: line.offset,
                after_entry: audit.last(),
                why: why.to_owned(),
            });
            Ok(())
        })
        .with_context(|| format!("journal {}", path.display()))?;
    }
    let last = audit.last();
    let Some(proof) = audit.finish() else {
        match broken {
            Some(broken) => return Ok(told(&Findings::broken(&broken, 0), output, None, Some(&broken))),
            None => bail!(
                "there is no entry in {}",
                files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ")
            ),
        }
    };
    let mut findings = match &broken {
        Some(broken) => Findings::broken(broken, last),
        None => Findings::default(),
    };
    findings.of_chain(&proof, files.len(), arguments.part, broken.is_some());
    if let Some((file, bytes)) = torn {
        findings
            .good(format!("{file} ends with {bytes} bytes of a line that was never finished: a power loss does that"));
    }
    for (seen, (_, compared)) in seen.iter().zip(&proof.compared) {
        findings.of_head(seen, *compared, arguments.board_key.is_some(), broken.is_some());
    }
    if seen.is_empty() {
        findings.open("whether entries were cut off at the end: give --head, a head that was seen earlier".into());
    }
    Ok(told(&findings, output, Some(&proof), broken.as_ref()))
}

/// What to say.
#[derive(Debug, Default, Serialize)]
struct Findings {
    proven: Vec<String>,
    not_proven: Vec<String>,
    faults: Vec<String>,
}

impl Findings {
    fn broken(broken: &Broken, last: u64) -> Self {
        let Broken { file, line, byte, why, .. } = broken;
        let fault = format!("{file}, line {line}, byte {byte}: {why}; entries up to {last} hold");
        Self { faults: vec![fault], ..Self::default() }
    }
    fn good(&mut self, text: String) {
        self.proven.push(text);
    }
    fn open(&mut self, text: String) {
        self.not_proven.push(text);
    }
    fn bad(&mut self, text: String) {
        self.faults.push(text);
    }

    fn of_chain(&mut self, proof: &Proof, files: usize, part: bool, broken: bool) {
        let (first, last) = (proof.first, proof.head.entries);
        let times = proof
            .times_ms
            .map(|(from, to)| format!(", {} to {}", tell::time(from), tell::time(to)))
            .unwrap_or_default();
        let so_far = if broken { " (that is as far as it holds)" } else { "" };
        self.good(format!(
            "entries {first} to {last} in {files} file{} are one chain: none altered, left out, inserted or moved{times}{so_far}",
            if files == 1 { "" } else { "s" }
        ));
        let before = first - 1;
        match proof.beginning {
            Beginning::Whole => {}
            Beginning::Removed => {
                self.good(format!("entries 1 to {before} were removed by the board itself; the journal says so"));
            }
            Beginning::Missing { .. } if part => self.open(format!("entries 1 to {before}: they are not here")),
            Beginning::Missing { removed_to: 0 } => self.bad(format!(
                "entries 1 to {before} are missing and the journal does not say that the board removed them; give --part if they are elsewhere"
            )),
            Beginning::Missing { removed_to } => self.bad(format!(
                "entries {} to {before} are missing; the journal says only of those up to {removed_to} that the board removed them; give --part if they are elsewhere",
                removed_to + 1
            )),
        }
    }

    fn of_head(&mut self, seen: &Seen, compared: Compared, key_given: bool, broken: bool) {
        let (file, entries) = (&seen.file, seen.head.head.entries);
        match &seen.signed {
            Ok((x, at)) => {
                let at = tell::time(at.saturating_mul(1_000));
                self.good(format!("head of entry {entries} ({file}) was signed by the key {x} at {at}"));
                if !key_given {
                    self.open(format!(
                        "that {x} is the board's key: give --board-key, as it was told when the board was put up"
                    ));
                }
            }
            Err(why) => self.bad(format!("head of entry {entries} ({file}): {why}")),
        }
        match compared {
            Compared::Holds => self.good(format!("the journal went through the head of entry {entries} ({file})")),
            Compared::Differs => self.bad(format!(
                "entry {entries} is not the one of the head ({file}): the journal was written anew, or is another board's"
            )),
            Compared::CutOff if broken => self.open(format!("the head of entry {entries} ({file}): the chain breaks before it")),
            Compared::CutOff => {
                self.bad(format!("the end was cut off: there was an entry {entries} once ({file}), and it is not here"));
            }
            Compared::Before => self.open(format!("the head of entry {entries} ({file}): that entry is no longer here")),
        }
    }
}

fn told(findings: &Findings, output: Output, proof: Option<&Proof>, broken: Option<&Broken>) -> Done {
    let holds = findings.faults.is_empty();
    let people = || {
        let mut text = String::new();
        for (what, list) in
            [("proven", &findings.proven), ("not proven", &findings.not_proven), ("FAULT", &findings.faults)]
        {
            for line in list {
                text.push_str(&format!("{what:<11} {line}\n"));
            }
        }
        text + if holds { "the journal holds" } else { "THE JOURNAL DOES NOT HOLD" }
    };
    let programs = json!({
        "holds": holds,
        "first": proof.map(|proof| proof.first),
        "head": proof.map(|proof| &proof.head),
        "broken": broken,
        "proven": findings.proven,
        "not_proven": findings.not_proven,
        "faults": findings.faults,
    });
    output.result(people, &programs);
    if holds { Done::Yes } else { Done::No }
}

/// An entry and its number.
#[derive(Debug, Deserialize, Serialize)]
struct Shown {
    seq: u64,
    #[serde(flatten)]
    entry: Entry,
}

fn show(arguments: &ShowArguments, output: Output) -> Result<Done> {
    let names = arguments.names.as_deref().map(Names::read).transpose()?.unwrap_or_default();
    let files = files(&arguments.journal)?;
    let wanted = |entry: &Entry| {
        arguments.share.as_ref().is_none_or(|share| entry.share.as_ref() == Some(share))
            && arguments.since.is_none_or(|since| entry.at_ms >= since)
            && arguments.until.is_none_or(|until| entry.at_ms < until)
    };
    let mut table = Table::new(&[
        "time", "entry", "event", "share", "who", "for whom", "what for", "view", "filter", "end", "watched",
    ]);
    let (mut shown, mut unread) = (0_u64, 0_u64);
    for path in &files {
        lines::each::<std::io::Error>(path, MAX_LINE, |line| {
            match serde_json::from_slice::<Shown>(line.bytes) {
                Ok(found) if wanted(&found.entry) => {
                    shown += 1;
                    if arguments.json {
                        output.result(String::new, &found);
                    } else {
                        table.row(row(&found, &names));
                    }
                }
                Ok(_) => {}
                Err(cause) => {
                    unread += 1;
                    output.complain(&format!("{}, line {}: cannot be read: {cause}", path.display(), line.number));
                }
            }
            Ok(())
        })
        .with_context(|| format!("journal {}", path.display()))?;
    }
    output.remark(&table.text());
    output.remark(&format!("{shown} entries. Whether they are whole: campari journal verify"));
    Ok(if unread == 0 { Done::Yes } else { Done::No })
}

fn row(shown: &Shown, names: &Names) -> Vec<String> {
    let Shown { seq, entry } = shown;
    let text = |value: Option<String>| value.unwrap_or_default();
    let who = entry.operator.as_deref().map(|operator| match entry.requester.as_deref() {
        Some(requester) => format!("{}, asked by {}", names.tell(operator), names.tell(requester)),
        None => names.tell(operator),
    });
    let filter = entry.filter_effective.or(entry.filter_asked).map(|filter| filter.to_string());
    let unsure = if entry.clock_synchronised { "" } else { "?" };
    let refused = entry.refused.map(|code| match entry.command {
        Some(command) => format!("{}: {code}", tell::word(&command)),
        None => code.to_string(),
    });
    let left_out = entry.left_out.map(|count| format!("{count} more"));
    let refused = (entry.event == What::Refused)
        .then(|| [refused, left_out].into_iter().flatten().collect::<Vec<_>>().join(", and "));
    let signer = entry.actor_key.as_ref().filter(|_| refused.is_some()).map(|key| names.tell(key.as_str()));
    let what_for = entry.purpose.clone().or(refused).or_else(|| match (entry.removed_to, entry.policy_version) {
        (Some(removed_to), _) => Some(format!("entries up to {removed_to}")),
        (None, Some(version)) if entry.share.is_none() => Some(format!("version {version}")),
        _ => None,
    });
    vec![
        format!("{}{unsure}", tell::time(entry.at_ms)),
        seq.to_string(),
        tell::word(&entry.event),
        text(entry.share.as_ref().map(Jti::to_string)),
        text(who.or(signer)),
        text(entry.recipient.as_ref().map(|recipient| names.tell(recipient.as_str()))),
        text(what_for),
        text(entry.view.as_ref().map(ToString::to_string)),
        text(filter),
        text(entry.true_reason.map(|reason| reason.to_string())),
        text(entry.usage.map(|usage| {
            let clear = usage.seconds_clear + usage.seconds_cautious;
            format!("{clear:.1} s clear, {:.1} s covered", usage.seconds_covered + usage.seconds_dark)
        })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::{Chain, What};

    #[test]
    fn files_are_read_in_the_order_of_their_first_entries() {
        let dir = tempfile::tempdir().unwrap();
        let mut chain = Chain::new();
        let named: Vec<PathBuf> = ["z.jsonl", "a.jsonl", "m.jsonl"].map(|name| dir.path().join(name)).to_vec();
        for path in &named {
            std::fs::write(path, chain.append(&Entry::new(1, true, What::Boot)).unwrap()).unwrap();
        }
        let mixed = [named[1].clone(), named[2].clone(), named[0].clone()];
        assert_eq!(files(&mixed).unwrap(), named);
        assert!(files(&["/nowhere".into()]).is_err());
        assert!(files(&[dir.path().to_owned()]).unwrap_err().to_string().contains("no journal"));
    }
}
