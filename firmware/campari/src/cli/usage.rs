//! `campari usage`: collects usage records, and makes the bill.

use super::connect::{Connection, client_id};
use super::tell::{Table, word};
use super::{Done, Output, asked_to_stop};
use crate::collect::{CollectSettings, Collection, collect};
use crate::lines;
use crate::names::Names;
use anyhow::{Context, Result, bail};
use contract::usage::MAX_USAGE_RECORD;
use serde_json::json;
use std::path::PathBuf;
use usage::{Bill, Kind, Ledger, Line, Month, Tariff};

/// Largest tariff that is read.
const MAX_TARIFF: u64 = 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write every usage record of the site into a file, once, and acknowledge it to its board; until it is stopped.
    Collect(Box<CollectArguments>),
    /// The bill for a month: subscription and views, as table, CSV or JSON. Exit status 1 when lines could not be counted.
    Report(ReportArguments),
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Collect(arguments) => arguments.json,
            Command::Report(arguments) => arguments.json,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct CollectArguments {
    /// The room's key (JWK); boards take an acknowledgement from no other [default: `key` of the settings file].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the records go, one a line; appended to.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    connection: Connection,
    /// Print a JSON line a record.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReportArguments {
    /// Files that `campari usage collect` wrote.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    records: Vec<PathBuf>,
    /// What watching costs (TOML; firmware/usage/tariff-example.toml explains it).
    #[arg(long, value_name = "FILE")]
    tariff: PathBuf,
    /// The month, like 2026-11 [default: every month that has records].
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    /// Names behind the pseudonyms (`campari names`).
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Print CSV, for a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command, output: Output) -> Result<Done> {
    match command {
        Command::Collect(arguments) => gather(*arguments, output).await,
        Command::Report(arguments) => report(&arguments, output),
    }
}

async fn gather(arguments: CollectArguments, output: Output) -> Result<Done> {
    let place = arguments.connection.place()?;
    let key = place.signing_key(arguments.key.as_deref())?;
    let collection = Collection::open(&arguments.out)?;
    output.remark(&format!(
        "usage of site {} into {}, {} records are there",
        place.site,
        arguments.out.display(),
        collection.records()
    ));
    let settings = CollectSettings { broker: place.broker, client_id: client_id("usage"), site: place.site, key };
    let told = |record: &contract::usage::UsageRecord, new: bool| {
        let again = if new { "" } else { ", told again" };
        let people = || format!("{}: {}, {} pictures{again}", record.id(), record.reason, record.usage.pictures);
        output.result(people, &json!({"id": record.id(), "new": new, "record": record}));
    };
    tokio::select! {
        ended = collect(settings, collection, told) => ended?,
        () = asked_to_stop() => {}
    }
    Ok(Done::Yes)
}

fn report(arguments: &ReportArguments, output: Output) -> Result<Done> {
    let names = arguments.names.as_deref().map(Names::read).transpose()?.unwrap_or_default();
    let shown = arguments.tariff.display();
    let length = std::fs::metadata(&arguments.tariff).with_context(|| format!("tariff {shown}"))?.len();
    if length > MAX_TARIFF {
        bail!("tariff {shown}: {length} bytes, at most {MAX_TARIFF} are read");
    }
    let text = std::fs::read_to_string(&arguments.tariff).with_context(|| format!("tariff {shown}"))?;
    let tariff = Tariff::parse(&text).with_context(|| format!("tariff {shown}"))?;
    let mut ledger = Ledger::default();
    for path in &arguments.records {
        lines::each::<std::io::Error>(path, MAX_USAGE_RECORD, |line| {
            // What is too long was cut, and is refused as too long all the same.
            if !line.bytes.is_empty()
                && let Err(cause) = ledger.line(line.bytes)
            {
                output.complain(&format!("{}, line {}: {cause}", path.display(), line.number));
            }
            Ok(())
        })
        .with_context(|| format!("usage records {}", path.display()))?;
    }
    let bill = usage::bill(&ledger, &tariff, arguments.month);
    if arguments.csv {
        super::output::text(&csv(&bill, &names)?);
    } else {
        output.result(|| table(&bill, &names), &bill);
    }
    Ok(if bill.read.refused == 0 { Done::Yes } else { Done::No })
}

/// Cents as an amount, without a float on the way.
fn amount(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn hours(ms: u64) -> String {
    let s = ms / 1_000;
    format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

fn table(bill: &Bill, names: &Names) -> String {
    let mut table =
        Table::new(&["month", "subscriber", "for", "camera", "quantity", "billed", "free", "off", &bill.currency]);
    let number = |text: String| (text, true);
    for line in &bill.lines {
        let of_views = |ms| if line.kind == Kind::Views { hours(ms) } else { String::new() };
        table.row_of(vec![
            (line.month.to_string(), false),
            (names.tell(line.subscriber.as_str()), false),
            (word(&line.kind), false),
            (line.camera.clone().unwrap_or_default(), false),
            number(line.quantity.to_string()),
            number(of_views(line.billed_ms)),
            number(of_views(line.free_ms)),
            number(if line.discount_percent.is_zero() {
                String::new()
            } else {
                format!("{} %", line.discount_percent)
            }),
            number(amount(line.cents)),
        ]);
    }
    let totals = &bill.totals;
    table.row_of(vec![
        ("total".into(), false),
        (String::new(), false),
        (String::new(), false),
        (String::new(), false),
        number(format!("{} views", totals.views)),
        number(hours(totals.billed_ms)),
        number(hours(totals.free_ms)),
        number(String::new()),
        number(amount(totals.cents)),
    ]);
    let read = &bill.read;
    let mut text = table.text();
    text.push_str(&format!(
        "\n\nread: {} records, {} of them of other months; ignored: {} told again, {} that are no records",
        read.records, read.of_other_months, read.repeated, read.refused
    ));
    text.push_str(&format!(
        "\nbilled: {} s at clear and cautious; free: {} s at covered and dark",
        seconds(totals.billed_ms),
        seconds(totals.free_ms)
    ));
    text.push_str("\nrounded: each share to the millisecond, each line to the cent, halves up; times in the table are cut to the second");
    if !bill.without_contract.is_empty() {
        let who: Vec<_> = bill.without_contract.iter().map(|subscriber| names.tell(subscriber.as_str())).collect();
        text.push_str(&format!("\nwithout a contract in the tariff, views alone: {}", who.join(", ")));
    }
    text
}

fn csv(bill: &Bill, names: &Names) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "month",
        "subscriber",
        "name",
        "for",
        "camera",
        "quantity",
        "billed_seconds",
        "free_seconds",
        "discount_percent",
        "amount",
        "currency",
    ])?;
    for line in &bill.lines {
        let Line { month, subscriber, kind, camera, quantity, billed_ms, free_ms, discount_percent, cents } = line;
        writer.write_record([
            month.to_string(),
            subscriber.to_string(),
            names.name(subscriber.as_str()).unwrap_or_default().to_owned(),
            word(kind),
            camera.clone().unwrap_or_default(),
            quantity.to_string(),
            seconds(*billed_ms),
            seconds(*free_ms),
            discount_percent.to_string(),
            amount(*cents),
            bill.currency.clone(),
        ])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
