//! The screen: from 80x24 up, the same order of things at every size. Dark; what wants attention is the only thing that is bright.

use super::keys::HELP;
use super::model::{Camera, Model, Pane, Row, Tone, Waiting};
use super::text::{clock, plain, time_of_day, wrapped};
use contract::Rung;
use contract::body::{EyeState, Mode, PinState, Presence, ShareState};
use contract::claims::Delivery;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

/// Smallest screen on which everything is to be read.
const LEAST: (u16, u16) = (80, 24);
/// From this width on there is room for names, places and figures.
const WIDE: u16 = 120;

// Of the 256 colours that every terminal of the last decades has (xterm): dark ground, nothing that dazzles at night.
const GROUND: Color = Color::Indexed(234);
const TEXT: Color = Color::Indexed(250);
const QUIET: Color = Color::Indexed(245);
const GOOD: Color = Color::Indexed(108);
const BAD: Color = Color::Indexed(203);
const DOUBT: Color = Color::Indexed(179);
const BAR: Color = Color::Indexed(237);
const NEW: Color = Color::Indexed(214);

fn base() -> Style {
    Style::new().fg(TEXT).bg(GROUND)
}
fn fg(colour: Color) -> Style {
    base().fg(colour)
}

/// Draws everything.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    frame.render_widget(Block::new().style(base()), area);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text =
            format!("{}x{} is too small: make the window at least {}x{}", area.width, area.height, LEAST.0, LEAST.1);
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).style(fg(BAD)), area);
    }
    let rows = u16::try_from(model.rows().len()).unwrap_or(u16::MAX);
    let waiting = u16::try_from(model.inbox.len()).unwrap_or(u16::MAX);
    // Notices get a fifth, requests what they need up to a third, cameras the rest.
    let notices = (area.height / 5).clamp(6, 12);
    let requests = waiting.saturating_mul(2).min(area.height / 3) + 1;
    let parts = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(requests),
        Constraint::Min(4),
        Constraint::Length(notices),
        Constraint::Length(1),
    ])
    .split(area);
    head(model, frame, parts[0]);
    inbox(model, frame, parts[1]);
    cameras(model, frame, parts[2], rows);
    happened(model, frame, parts[3]);
    foot(model, frame, parts[4]);
    if model.help {
        help(frame, area);
    }
}

fn head(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let bar = base().bg(BAR);
    let mut spans = vec![
        Span::styled(format!(" {} ", model.site), bar.add_modifier(Modifier::BOLD)),
        Span::styled(format!("· {} ", plain(&model.operator, 20)), bar.fg(QUIET)),
    ];
    let (word, colour) = match (&model.room, model.connected) {
        (_, false) => ("NO CONNECTION TO THE BROKER", BAD),
        (Some(room), _) if !room.online => ("NO HEARTBEAT AGENT: shares end", BAD),
        (None, _) => ("no heartbeat agent was ever there", BAD),
        (Some(_), _) if !model.room_beats() => ("heartbeat silent", DOUBT),
        (Some(room), _) if room.busy => ("EVERYBODY BUSY (b)", DOUBT),
        (Some(_), _) => ("heartbeat good", GOOD),
    };
    spans.push(Span::styled(format!("· {word} "), bar.fg(colour)));
    if let Some(doing) = &model.doing {
        spans.push(Span::styled(format!("· {doing} …"), bar.fg(DOUBT)));
    }
    let time = format!("{} UTC ", time_of_day(model.now));
    let used: usize = spans.iter().map(Span::width).sum();
    let gap = usize::from(area.width).saturating_sub(used + time.len());
    spans.push(Span::styled(" ".repeat(gap), bar));
    spans.push(Span::styled(time, bar));
    frame.render_widget(Paragraph::new(Line::from(spans)).style(bar), area);
}

fn title(text: &str, here: bool) -> Line<'static> {
    let style = if here { fg(TEXT).add_modifier(Modifier::BOLD) } else { fg(QUIET) };
    Line::styled(format!(" {text}"), style)
}

fn hand(selected: bool, here: bool) -> Span<'static> {
    match (selected, here) {
        (true, true) => Span::styled("▶ ", fg(NEW)),
        (true, false) => Span::styled("▷ ", fg(QUIET)),
        _ => Span::styled("  ", base()),
    }
}

fn inbox(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let here = model.pane == Pane::Requests;
    let head = match model.inbox.len() {
        0 => title("no request waits", false),
        1 => title("1 request waits", here),
        many => title(&format!("{many} requests wait"), here),
    };
    let mut lines = vec![head];
    let room = usize::from(area.height.saturating_sub(1)) / 2;
    let at = model.inbox.iter().position(|waiting| Some(&waiting.asked.open.jti) == model.picked.as_ref()).unwrap_or(0);
    // The hand stays in sight; the most urgent ones come first.
    let from = at.saturating_sub(room.saturating_sub(1));
    for waiting in model.inbox.iter().skip(from).take(room.max(1)) {
        lines.extend(request(model, waiting, here, area.width));
    }
    frame.render_widget(Paragraph::new(lines).style(base()), area);
}

/// Two lines: who wants what, and how urgent it is.
fn request(model: &Model, waiting: &Waiting, here: bool, width: u16) -> [Line<'static>; 2] {
    let open = &waiting.asked.open;
    let wish = &open.request;
    let age = clock(model.now.saturating_sub(open.asked_at));
    let left_s = open.until.saturating_sub(model.now);
    let taken = model.taken.get(&(waiting.camera.clone(), open.jti.clone()));
    let selected = model.picked.as_ref() == Some(&open.jti);
    // One that nobody has in hand blinks, slowly, until somebody does.
    let bright = taken.is_none() && model.now.is_multiple_of(2);
    let style = if taken.is_some() { fg(TEXT) } else { fg(NEW) };
    let style = if bright { style.add_modifier(Modifier::REVERSED) } else { style };
    let minutes = wish.duration_s.div_ceil(60);
    let filter = wish.filter.map_or("as the policy says", contract::Filter::name);
    let long = if width >= WIDE { 60 } else { 18 };
    let purpose = plain(&wish.purpose, long);
    let name = model.cameras.get(&waiting.camera).and_then(|camera| camera.name.clone()).unwrap_or_default();
    let name = if width >= WIDE && !name.is_empty() { format!(" ({name})") } else { String::new() };
    let first = Line::from(vec![
        hand(selected, here),
        Span::styled(
            format!(
                " {} asks for {}{name} {} ",
                plain(open.sub.as_str(), 20),
                plain(waiting.camera.as_str(), 16),
                plain(wish.view.as_str(), 20)
            ),
            style,
        ),
        Span::styled(format!(" {minutes} min · {filter} · {purpose}"), base()),
    ]);
    let left_style = if left_s <= 20 { fg(BAD) } else { fg(QUIET) };
    let mut second = vec![
        Span::styled(format!("   asked {age} ago · "), fg(QUIET)),
        Span::styled(format!("lapses in {}", clock(left_s)), left_style),
    ];
    second.push(match taken {
        Some(taken) if taken.by == model.operator => Span::styled(" · in your hands".to_owned(), fg(GOOD)),
        Some(taken) => Span::styled(format!(" · in the hands of {}", plain(&taken.by, 20)), fg(DOUBT)),
        None => Span::styled(" · in nobody's hands".to_owned(), fg(QUIET)),
    });
    if width >= WIDE {
        let to = match &wish.delivery {
            Delivery::Push { address, port } => format!("to {address}:{port}"),
            Delivery::Pull => "by RTSP".to_owned(),
            Delivery::Relay => "by its media server".to_owned(),
        };
        let who = wish.requester.as_deref().map(|who| format!(" · for {}", plain(who, 30))).unwrap_or_default();
        second.push(Span::styled(format!("{who} · {to} · {}", open.jti), fg(QUIET)));
    }
    if let Err(cause) = &waiting.asked.order {
        second.push(Span::styled(format!(" · NOT BELIEVED: {}", plain(cause, 100)), fg(BAD)));
    }
    [first, Line::from(second)]
}

fn cameras(model: &Model, frame: &mut Frame<'_>, area: Rect, rows: u16) {
    let here = model.pane == Pane::Cameras;
    let away = model.cameras.values().filter(|camera| camera.eye().is_none()).count();
    let shares: usize = model.cameras.values().filter_map(Camera::eye).map(|eye| eye.shares.len()).sum();
    let away = if away > 0 { format!(", {away} away") } else { String::new() };
    let mut lines =
        vec![title(&format!("{}{away}, {}", count(model.cameras.len(), "camera"), count(shares, "share")), here)];
    let all = model.rows();
    let room = usize::from(area.height.saturating_sub(1));
    let at = all.iter().position(|row| Some(row) == model.at.as_ref()).unwrap_or(0);
    let from = if usize::from(rows) <= room { 0 } else { at.saturating_sub(room / 2).min(all.len() - room) };
    for row in all.iter().skip(from).take(room) {
        let selected = model.at.as_ref() == Some(row);
        let mut spans = vec![hand(selected, here)];
        match row {
            Row::Camera(id) => {
                if let Some(camera) = model.cameras.get(id) {
                    spans.extend(camera_line(id.as_str(), camera, area.width));
                }
            }
            Row::Share(camera, jti) => spans.extend(share_line(model, camera, jti, area.width)),
        }
        lines.push(Line::from(spans));
    }
    if all.is_empty() {
        lines.push(Line::styled("  no camera of this site was ever connected to this broker", fg(QUIET)));
    }
    frame.render_widget(Paragraph::new(lines).style(base()), area);
}

fn count(many: usize, what: &str) -> String {
    format!("{many} {what}{}", if many == 1 { "" } else { "s" })
}

fn camera_line(id: &str, camera: &Camera, width: u16) -> Vec<Span<'static>> {
    let mut spans = vec![Span::styled(format!("{:<10} ", plain(id, 10)), base().add_modifier(Modifier::BOLD))];
    if width >= WIDE {
        let name = camera.name.clone().unwrap_or_default();
        spans.push(Span::styled(format!("{:<24} ", plain(&name, 24)), base()));
    }
    let Some(eye) = camera.eye() else {
        let word = match camera.state.as_ref().map(|state| state.presence) {
            Some(Presence::Offline) => "OFFLINE",
            Some(_) => "EYE ABSENT",
            None => "never heard",
        };
        spans.push(Span::styled(word, fg(BAD)));
        return spans;
    };
    let rung = match eye.ladder {
        Rung::Clear => GOOD,
        Rung::Cautious => DOUBT,
        Rung::Covered | Rung::Dark => BAD,
    };
    spans.push(Span::styled(format!("{:<9}", eye.ladder.name()), fg(rung)));
    spans.push(Span::styled(format!("{:>4.0} fps {:>4.0} ms ", eye.fps, eye.capture_to_link_p99_ms), fg(QUIET)));
    if width >= WIDE {
        let beat =
            eye.heartbeat_age_s.map_or_else(|| "no heartbeat".to_owned(), |age_s| format!("heartbeat {age_s:.0} s"));
        let policy = eye.policy_version.map_or_else(|| "no policy".to_owned(), |version| format!("policy {version}"));
        spans.push(Span::styled(format!("{beat:<14} {policy:<10} {} ", plain(&eye.model, 30)), fg(QUIET)));
    }
    spans.extend(flags(eye).into_iter().map(|(word, colour)| Span::styled(format!(" {word}"), fg(colour))));
    spans
}

/// What somebody should know or do something about.
fn flags(eye: &EyeState) -> Vec<(String, Color)> {
    let mut flags = Vec::new();
    if eye.mode == Mode::Reserved {
        flags.push(("RESERVED".to_owned(), DOUBT));
    }
    if let Some(leak) = &eye.leak {
        flags.push((format!("LEAK REPORTED ({})", leak.reports), BAD));
    }
    if eye.journal_fault.is_some() {
        flags.push(("JOURNAL CANNOT BE WRITTEN".to_owned(), BAD));
    }
    if !eye.clock_synchronised {
        flags.push(("CLOCK UNSURE".to_owned(), BAD));
    }
    let pins = eye.pins;
    for (pin, word) in [
        (pins.and_then(|pins| pins.privacy_switch), "PRIVACY SWITCH"),
        (pins.and_then(|pins| pins.tamper), "HOUSING OPEN"),
    ] {
        if pin.is_some_and(|pin| pin != PinState::Off) {
            flags.push((word.to_owned(), BAD));
        }
    }
    if eye.self_test.as_ref().is_some_and(|test| test.result == contract::body::SelfTestResult::Failed) {
        flags.push(("SELF-TEST FAILED".to_owned(), BAD));
    }
    if eye.heartbeat_age_s.is_none_or(|age_s| age_s > 8.0) {
        flags.push(("HEARS NO HEARTBEAT".to_owned(), BAD));
    }
    if let (Some(reason), true) = (&eye.ladder_reason, eye.ladder != Rung::Clear) {
        flags.push((plain(reason, 40), QUIET));
    }
    flags
}

fn share_line(model: &Model, camera: &contract::CameraId, jti: &contract::Jti, width: u16) -> Vec<Span<'static>> {
    let eye = model.cameras.get(camera).and_then(Camera::eye);
    let Some(share) = eye.and_then(|eye| eye.shares.iter().find(|share| share.jti == *jti)) else { return Vec::new() };
    let who = model.watchers.get(jti).map_or_else(|| "somebody".to_owned(), |who| plain(who.as_str(), 20));
    let left = clock(share.exp.saturating_sub(model.now));
    let (word, colour) = match share.state {
        ShareState::Sharing => ("watches", GOOD),
        ShareState::Waiting => ("may watch", DOUBT),
    };
    let jti = if width >= WIDE { format!(" · share {jti}") } else { String::new() };
    vec![
        Span::styled("  └ ", fg(QUIET)),
        Span::styled(format!("{who} {word}"), fg(colour)),
        Span::styled(format!(" · {} · {left} left{jti}", share.filter), base()),
    ]
}

fn happened(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.height.saturating_sub(1));
    let mut lines = vec![title("what happened", false)];
    let newest: Vec<_> = model.notices.iter().rev().take(room).collect();
    let width = usize::from(area.width).saturating_sub(11);
    let mut told = Vec::new();
    for notice in newest.into_iter().rev() {
        let colour = match notice.tone {
            Tone::Plain => TEXT,
            Tone::Good => GOOD,
            Tone::Bad => BAD,
        };
        for (number, part) in wrapped(&plain(&notice.text, 3 * width), width).into_iter().enumerate() {
            let time = if number == 0 { time_of_day(notice.at) } else { " ".repeat(8) };
            told.push(Line::from(vec![Span::styled(format!(" {time} "), fg(QUIET)), Span::styled(part, fg(colour))]));
        }
    }
    // The newest end at the bottom, whole.
    let from = told.len().saturating_sub(room);
    lines.extend(told.drain(from..));
    frame.render_widget(Paragraph::new(lines).style(base()), area);
}

fn foot(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let bar = base().bg(BAR);
    let line = match &model.question {
        Some(question) => {
            let bites = bar.fg(GROUND).bg(NEW).add_modifier(Modifier::BOLD);
            let answers: String = question.answers.iter().map(|(key, word, _)| format!(" [{key}] {word}")).collect();
            Line::from(Span::styled(format!(" {}{answers} [Esc] no ", question.text), bites))
        }
        None if model.pane == Pane::Requests => {
            Line::styled(" t take  g grant  d deny  Tab cameras  p preempt  b busy  ? keys  q quit", bar)
        }
        None => Line::styled(" e extend  r revoke  p preempt  P all  l release  ! leak  b busy  ? keys  q quit", bar),
    };
    frame.render_widget(Paragraph::new(line).style(bar), area);
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (74.min(area.width), u16::try_from(HELP.len()).unwrap_or(20) + 2);
    let at =
        Rect::new((area.width - width) / 2, area.height.saturating_sub(height) / 2, width, height.min(area.height));
    let lines: Vec<_> = HELP
        .iter()
        .map(|(key, word)| {
            Line::from(vec![Span::styled(format!(" {key:>4}  "), fg(NEW)), Span::styled((*word).to_owned(), base())])
        })
        .collect();
    frame.render_widget(Clear, at);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ").style(base())).style(base()), at);
}
