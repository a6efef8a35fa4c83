//! A media graph as plain values. Pure.

use board_profile::MediaLink;

/// A box of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// The kernel's number.
    pub id: u32,
    /// Its name, as `media-ctl -p` prints it.
    pub name: String,
    /// Its device node, where it has one: major and minor.
    pub node: Option<(u32, u32)>,
}

/// Where a link meets an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad {
    /// The kernel's number.
    pub id: u32,
    /// Whose.
    pub entity: u32,
    /// Counted from 0 on each entity.
    pub index: u16,
}

/// A way for pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Pad that sends.
    pub source: u32,
    /// Pad that receives.
    pub sink: u32,
    /// Pictures go this way.
    pub enabled: bool,
    /// It cannot be changed.
    pub immutable: bool,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// Boxes.
    pub entities: Vec<Entity>,
    /// Their pads.
    pub pads: Vec<Pad>,
    /// Ways between pads.
    pub links: Vec<Link>,
}

/// A link as the kernel wants to be told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Sends.
    pub source: Pad,
    /// Receives.
    pub sink: Pad,
    /// How it stands.
    pub link: Link,
}

impl Topology {
    /// The entity of that name; an error lists those that there are.
    ///
    /// # Errors
    /// One line.
    pub fn entity(&self, name: &str) -> Result<&Entity, String> {
        self.entities.iter().find(|entity| entity.name == name).ok_or_else(|| {
            let all: Vec<&str> = self.entities.iter().map(|entity| entity.name.as_str()).collect();
            format!("no entity \"{name}\"; there are: {}", listed(&all))
        })
    }

    /// The link that a profile names; an error says which ways there are instead.
    ///
    /// # Errors
    /// One line.
    pub fn link(&self, wanted: &MediaLink) -> Result<Found, String> {
        let (source, sink) = (self.entity(&wanted.from)?, self.entity(&wanted.to)?);
        let matches = |found: &Found| {
            (found.source.entity, found.source.index, found.sink.entity, found.sink.index)
                == (source.id, wanted.from_pad, sink.id, wanted.to_pad)
        };
        self.found().find(matches).ok_or_else(|| {
            let name = |id: u32| self.entities.iter().find(|entity| entity.id == id).map_or("?", |e| e.name.as_str());
            let ways: Vec<String> = self
                .found()
                .filter(|found| found.source.entity == source.id)
                .map(|found| format!("{} -> \"{}\":{}", found.source.index, name(found.sink.entity), found.sink.index))
                .collect();
            let MediaLink { from, from_pad, to, to_pad, .. } = wanted;
            format!("no link from \"{from}\":{from_pad} to \"{to}\":{to_pad}; from there go: {}", listed(&ways))
        })
    }

    fn found(&self) -> impl Iterator<Item = Found> + '_ {
        let pad = |id: u32| self.pads.iter().find(|pad| pad.id == id).copied();
        self.links
            .iter()
            .filter_map(move |link| Some(Found { source: pad(link.source)?, sink: pad(link.sink)?, link: *link }))
    }
}

fn listed<T: AsRef<str>>(all: &[T]) -> String {
    if all.is_empty() { "none".to_owned() } else { all.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ") }
}
