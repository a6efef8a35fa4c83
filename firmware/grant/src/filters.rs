//! Which filter is in effect. There is one encode, so that the strongest that any share calls for serves all (P5: "one filter or stronger").
//!
//! A share calls for its filter from the moment its window opens until it ends, watched or not: whoever looks away for a moment does not change what
//! the others see. While a leak stands everything is `coarse`.

use crate::{Authority, Event, Share};
use contract::Filter;

impl Authority {
    /// The filter in effect for everything that may flow; `None` when no share has begun.
    #[must_use]
    pub fn filter(&self) -> Option<Filter> {
        let begun = self.shares.iter().filter(|share| share.has_begun());
        begun.map(|share| share.grant().filter).max().map(|filter| filter.max(self.weakest()))
    }

    /// The filter that a grant would be shown with if its share began now.
    pub(crate) fn filter_with(&self, granted: Filter) -> Filter {
        granted.max(self.filter().unwrap_or(granted)).max(self.weakest())
    }

    fn weakest(&self) -> Filter {
        if self.leak.is_some() { Filter::Coarse } else { Filter::Pixelate }
    }

    /// Tells every share that has begun what filter is in effect for it, where that is not what was told last.
    pub(crate) fn tell_filters(&mut self) {
        let Some(filter) = self.filter() else { return };
        for share in self.shares.iter_mut().filter(|share| Share::has_begun(share)) {
            if share.filter != filter {
                share.filter = filter;
                let (jti, sub) = (share.jti().clone(), share.sub().clone());
                self.events.push_back(Event::Filtered { jti, sub, filter });
            }
        }
    }
}
