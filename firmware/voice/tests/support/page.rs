//! The page of metrics, as the reference parser reads it, and what receivers report for it.

#![allow(dead_code, unreachable_pub)] // each test program uses its part

use crate::support::*;
use rtcp_types::{CompoundBuilder, ReceiverReport, ReportBlock, RtcpPacketWriter, RtcpPacketWriterExt};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// The reference implementation, which is strict: it refuses what a scraper would only stumble over.
const PARSER: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([[s.name, s.labels, s.value] for f in families for s in f.samples]))
";

pub async fn parse(text: &str) -> Vec<(String, Value, f64)> {
    // The system's own: another one in the path need not have Debian's modules.
    let mut parser = Command::new("/usr/bin/python3")
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = parser.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = patient("the parser", parser.wait_with_output()).await.expect("it ran");
    assert!(output.status.success(), "not OpenMetrics (or apt-get install python3-prometheus-client):\n{text}");
    serde_json::from_slice(&output.stdout).expect("what it printed")
}

pub async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    let mut answer = String::new();
    stream.write_all(request).await.expect("it reads");
    patient("an answer", stream.read_to_string(&mut answer)).await.expect("text");
    answer
}

pub async fn connect(port: u16) -> TcpStream {
    patient("the port to open", async {
        let mut tries = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            tries.tick().await;
            if let Ok(stream) = TcpStream::connect((LANDLORD, port)).await {
                return stream;
            }
        }
    })
    .await
}

pub async fn get(port: u16) -> String {
    let answer = converse(connect(port).await, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("application/openmetrics-text"), "{head}");
    body.to_owned()
}

/// The value of a sample with these labels, all of which it must have.
pub fn value(samples: &[(String, Value, f64)], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |found: &Value| labels.iter().all(|(label, value)| found[*label] == *value);
    let found = samples.iter().find(|(sample, found, _)| sample == name && fits(found));
    found.unwrap_or_else(|| panic!("no {name} {labels:?}")).2
}

pub fn report(ssrc: u32, stamp: u32) -> Vec<u8> {
    let block = ReportBlock::builder(ssrc)
        .fraction_lost(64)
        .cumulative_lost(12)
        .interarrival_jitter(900)
        .last_sender_report_timestamp(stamp);
    let compound = CompoundBuilder::default().add_packet(ReceiverReport::builder(99).add_report_block(block));
    let mut packet = vec![0; compound.calculate_size().expect("a size")];
    compound.write_into(&mut packet).expect("room");
    packet
}
