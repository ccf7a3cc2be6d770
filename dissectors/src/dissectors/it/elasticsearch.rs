//! Elasticsearch and OpenSearch: a search engine's answer to who asks for its root over HTTP.
//!
//! Spec: Elasticsearch REST API, "Root API"; OpenSearch documentation, "Cluster information".
//! Tells us: names of node and cluster, version, which of the two. Does not tell: indices and what is in them; whether a log-in is wanted
//! where nobody asks.

use crate::context::Context;
use crate::dissector::{At, Binding, DissectError, Dissector, Gate, Next, Row};
use crate::http_content;
use crate::json::{self, Step};
use observations::{Field, Kind};

pub(crate) struct Elasticsearch;

/// Members that the answer has and other documents have not together.
const MEMBERS: [&[u8]; 3] = [b"\"cluster_name\"", b"\"lucene_version\"", b"\"tagline\""];

impl Dissector for Elasticsearch {
    type State = ();

    const ROW: Row = Row {
        name: "elasticsearch",
        revision: 1,
        spec: "Elasticsearch REST API, OpenSearch documentation",
        tells: "names of node and cluster, product and version",
        bindings: &[Binding::Under("http", http_content::JSON)],
        shapes: &[],
        operations: &[],
    };

    fn gate(&self, head: &[u8], _: &At) -> Gate {
        let opens = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let has = |member: &&[u8]| memchr::memmem::find(head, member).is_some();
        if opens && MEMBERS.iter().all(has) { Gate::Mine } else { Gate::NotMine }
    }

    fn read(&self, pdu: &[u8], (): &mut (), cx: &mut Context<'_>) -> Result<Next, DissectError> {
        let server = cx.sender();
        let (saying, ended) = json::fold(pdu, cx.say(&server, Kind::Identity), |saying, path, value| {
            let field = match path {
                [Step::Key(b"name")] => Field::FriendlyName,
                [Step::Key(b"cluster_name")] => Field::ApplicationName,
                [Step::Key(b"version"), Step::Key(b"number")] => Field::SoftwareVersion,
                [Step::Key(b"version"), Step::Key(b"distribution")] => Field::SoftwareProduct,
                _ => return saying,
            };
            json::say(saying, field, value)
        });
        drop(saying);
        ended.map(|()| Next::Watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissectors::it::http::Http;
    use crate::testing::{conversation_of, field, gate};
    use observations::{Observation, Transport};

    const ROOT: &str = r#"{
  "name" : "hist-es-1",
  "cluster_name" : "plant-logs",
  "version" : { "number" : "7.17.9", "lucene_version" : "8.11.1" },
  "tagline" : "You Know, for Search"
}"#;

    fn answer(body: &str) -> Vec<Observation> {
        let response = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let request = b"GET / HTTP/1.1\r\nHost: 10.0.0.2:9200\r\n\r\n";
        conversation_of(&[&Http, &Elasticsearch], Transport::Tcp, &[(50000, 80, request), (80, 50000, response.as_bytes())])
    }

    #[test]
    fn a_node_says_its_cluster_and_version() {
        let said = answer(ROOT);
        assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["plant-logs"]);
        assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["7.17.9"]);
        assert_eq!(field(&said, Kind::Identity, Field::FriendlyName), ["hist-es-1"]);
    }

    #[test]
    fn an_answer_that_is_cut_keeps_what_came_before_and_others_are_left_alone() {
        assert!(field(&answer(r#"{"name":"a","cluster_name":"b","ok":true}"#), Kind::Identity, Field::ApplicationName).is_empty());
        for stranger in [&b"[1, 2]"[..], b"{\"cluster_name\":\"x\"}", b"<html>", &[0; 40]] {
            assert_eq!(gate(&Elasticsearch, stranger, 0), Gate::NotMine);
        }
    }
}
