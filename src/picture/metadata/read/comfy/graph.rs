//! `Graph`: ComfyUI's nodes and the links between them, `{"3": {"class_type": …, "inputs": …}}`.
//!
//! An input is a value or a link `["node id", output]`. Trap: graphs come from anywhere and may link in
//! circles, so every walk counts its steps.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value};

/// The most nodes that are visited in all.
const MOST_VISITS: usize = 5_000;
/// The longest chain of links.
const DEEPEST: usize = 64;

/// A node, as its link names it.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub node: &'a Value,
    /// Which of the node's outcomes.
    pub output: Option<usize>,
    depth: usize,
}

/// The nodes of a workflow, and how many of them were visited.
pub(super) struct Graph<'a> {
    nodes: &'a Map<String, Value>,
    visits: Cell<usize>,
}

impl<'a> Graph<'a> {
    /// None if no value of the object is a node.
    pub(super) fn new(value: &'a Value) -> Option<Self> {
        let nodes = value.as_object()?;
        let found = nodes.values().any(|node| node.get("class_type").is_some());
        found.then_some(Self { nodes, visits: Cell::new(0) })
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = Link<'a>> {
        self.nodes.values().map(|node| Link { node, output: None, depth: 0 })
    }

    /// The node behind a link; none if it is a value, or too many were visited.
    pub(super) fn linked(&self, from: Link<'a>, value: &'a Value) -> Option<Link<'a>> {
        let link = value.as_array().filter(|link| link.len() == 2)?;
        let node = match &link[0] {
            Value::String(id) => self.nodes.get(id)?,
            Value::Number(id) => self.nodes.get(&id.to_string())?,
            _ => return None,
        };
        let output = link[1].as_u64()?.try_into().ok();
        self.visits.set(self.visits.get() + 1);
        let bounded = self.visits.get() <= MOST_VISITS && from.depth < DEEPEST;
        bounded.then_some(Link { node, output, depth: from.depth + 1 })
    }

    /// The node that an input links to.
    pub(super) fn behind(&self, from: Link<'a>, key: &str) -> Option<Link<'a>> {
        self.linked(from, from.input(key)?)
    }

    /// The nodes behind the inputs whose keys are wanted.
    pub(super) fn links(&self, from: Link<'a>, wanted: impl Fn(&str) -> bool) -> Vec<Link<'a>> {
        let inputs = from.inputs().filter(|(key, _)| wanted(key));
        inputs.filter_map(|(_, value)| self.linked(from, value)).collect()
    }

    /// The node behind the only link of a node, such as a reroute's.
    pub(super) fn only_link(&self, from: Link<'a>) -> Option<Link<'a>> {
        match self.links(from, |_| true)[..] {
            [link] => Some(link),
            _ => None,
        }
    }

    /// Follows links whose keys are wanted, nearest nodes first, until `look` finds something.
    /// Nodes that are a `barrier` are looked at and not passed.
    pub(super) fn search<T>(
        &self,
        from: Link<'a>,
        wanted: impl Fn(&str) -> bool,
        barrier: impl Fn(Link<'a>) -> bool,
        look: impl Fn(Link<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut queue: VecDeque<Link<'a>> = self.links(from, &wanted).into();
        let mut seen = HashSet::new();
        while let Some(link) = queue.pop_front() {
            if !seen.insert(std::ptr::from_ref(link.node)) {
                continue;
            }
            if let Some(found) = look(link) {
                return Some(found);
            }
            if !barrier(link) {
                queue.extend(self.links(link, &wanted));
            }
        }
        None
    }
}

impl<'a> Link<'a> {
    /// The node's class in lower case.
    pub(super) fn class(self) -> String {
        self.node.get("class_type").and_then(Value::as_str).unwrap_or_default().to_lowercase()
    }

    /// An input's value or link.
    pub(super) fn input(self, key: &str) -> Option<&'a Value> {
        self.node.get("inputs")?.get(key)
    }

    /// All inputs, in the file's order.
    pub(super) fn inputs(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let inputs = self.node.get("inputs").and_then(Value::as_object);
        inputs.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether an input is a link.
    pub(super) fn links_to(self, key: &str) -> bool {
        self.input(key).is_some_and(Value::is_array)
    }
}

/// Whether an input hands on a bundle of values under one link.
pub(super) fn is_bundle(key: &str) -> bool {
    ["pipe", "ctx", "context", "tuple", "guider"].iter().any(|part| key.contains(part))
}
