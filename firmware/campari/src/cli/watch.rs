//! `campari watch`: the screen of [`crate::watch`] on this terminal, or its changes as lines.

use super::centralist::Centralist;
use super::connect::TrustArguments;
use super::{Done, Output, asked_to_stop};
use crate::clock;
use crate::command::Seen;
use crate::watch::{Change, Do, Hand, Heard, Model, Order, WatchDesk, draw};
use anyhow::{Result, bail};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::crossterm::{execute, style::Print};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

/// How long the policy may take to come from the broker.
const POLICY_WITHIN: Duration = Duration::from_secs(2);

/// The clock on the screen shows seconds.
const REDRAW_EVERY: Duration = Duration::from_millis(500);
/// How long the thread that reads keys may take to see that nobody wants them any more.
const KEY_POLL: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    centralist: Centralist,
    #[command(flatten)]
    trust: TrustArguments,
    /// Print every change as a JSON line instead of a screen; commands none.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<Done> {
    let on_a_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if !arguments.json && !on_a_terminal {
        bail!("the watch needs a terminal; for scripts there is --json");
    }
    let office = arguments.centralist.open_to("watch", WatchDesk::subscriptions).await?;
    let (mut early, mut seen) = (Vec::new(), office.seen);
    let mut messages = office.messages;
    // The policy first: requests are believed by it.
    let enough = |seen: &Seen| seen.policy.is_some();
    let wait = async {
        while let Ok(message) = messages.recv().await {
            seen.hear(&message);
            early.push(message);
            if enough(&seen) {
                return;
            }
        }
    };
    let _none_on_the_broker = tokio::time::timeout(POLICY_WITHIN, wait).await.is_err();
    let trust = arguments.trust.trust(&office.place, seen.policy.as_deref())?;
    let mut model = Model::new(office.place.site.clone(), office.operator.clone(), clock::unix_s());
    let site = office.place.site;
    let mut desk = WatchDesk { site: site.clone(), operator: office.operator.clone(), trust, seen };
    let hand = Hand { bus: office.bus, key: office.key, operator: office.operator, site };
    let mut lines = Lines { output };
    for message in early {
        if let Some(heard) = desk.hear(&message) {
            let (changes, _) = model.hear(heard);
            if arguments.json {
                lines.say(&changes);
            }
        }
    }
    if arguments.json {
        return follow(desk, &hand, messages, model, &mut lines).await;
    }
    let mut terminal = ratatui::try_init()?;
    let done = screen(&mut terminal, desk, hand, messages, model).await;
    ratatui::restore();
    done
}

/// Prints changes.
struct Lines {
    output: Output,
}

impl Lines {
    fn say(&mut self, changes: &[Change]) {
        for change in changes {
            self.output.result(String::new, change);
        }
    }
}

type Messages = broadcast::Receiver<Arc<crate::mqtt::Message>>;

async fn follow(
    mut desk: WatchDesk,
    hand: &Hand,
    mut messages: Messages,
    mut model: Model,
    lines: &mut Lines,
) -> Result<Done> {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        let heard = tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => desk.hear(&message),
                Err(broadcast::error::RecvError::Lagged(_)) => None,
                Err(broadcast::error::RecvError::Closed) => return Ok(Done::No),
            },
            _ = tick.tick() => {
                model.tick(clock::unix_s());
                Some(Heard::Connected(hand.bus.is_connected()))
            }
            () = asked_to_stop() => return Ok(Done::Yes),
        };
        if let Some(heard) = heard {
            lines.say(&model.hear(heard).0);
        }
    }
}

/// Keys come from a thread of their own, because reading a terminal waits; it ends with the receiver.
fn keys() -> mpsc::UnboundedReceiver<std::io::Result<KeyEvent>> {
    let (send, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while !send.is_closed() {
            let read = match event::poll(KEY_POLL) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(cause) => Err(cause),
            };
            let (gone, key) = match read {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => (false, Ok(key)),
                Ok(_) => continue,
                Err(cause) => (true, Err(cause)),
            };
            if send.send(key).is_err() || gone {
                return;
            }
        }
    });
    keys
}

async fn screen(
    terminal: &mut ratatui::DefaultTerminal,
    mut desk: WatchDesk,
    hand: Hand,
    mut messages: Messages,
    mut model: Model,
) -> Result<Done> {
    // Orders are carried out beside the screen, one after the other; what is heard meanwhile is shown.
    let hand = Arc::new(hand);
    let (send, orders) = mpsc::unbounded_channel::<(Order, Seen)>();
    let (verdict, mut verdicts) = mpsc::unbounded_channel();
    let worker = tokio::spawn(work(Arc::clone(&hand), orders, verdict));
    let mut keys = keys();
    let mut tick = tokio::time::interval(REDRAW_EVERY);
    loop {
        terminal.draw(|frame| draw::draw(&model, frame))?;
        let todo = tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => desk.hear(&message).map(|heard| model.hear(heard).1).unwrap_or_default(),
                Err(broadcast::error::RecvError::Lagged(_)) => Vec::new(),
                Err(broadcast::error::RecvError::Closed) => bail!("the connection was closed"),
            },
            key = keys.recv() => match key {
                Some(Ok(key)) => model.key(key),
                Some(Err(cause)) => return Err(cause.into()),
                None => vec![Do::Quit],
            },
            Some(said) = verdicts.recv() => {
                model.done(said);
                Vec::new()
            }
            _ = tick.tick() => {
                model.tick(clock::unix_s());
                model.hear(Heard::Connected(hand.bus.is_connected())).1
            }
            () = asked_to_stop() => vec![Do::Quit],
        };
        for one in todo {
            match one {
                Do::Order(order) => send.send((order, desk.seen.clone()))?,
                Do::Bell => execute!(std::io::stdout(), Print('\x07'))?,
                Do::Quit => {
                    worker.abort();
                    return Ok(Done::Yes);
                }
            }
        }
    }
}

async fn work(
    hand: Arc<Hand>,
    mut orders: mpsc::UnboundedReceiver<(Order, Seen)>,
    verdict: mpsc::UnboundedSender<Result<String, String>>,
) {
    while let Some((order, seen)) = orders.recv().await {
        let done = hand.carry_out(order, &seen).await;
        if verdict.send(done).is_err() {
            return;
        }
    }
}
