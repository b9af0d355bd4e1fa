//! Finds services for whoever asks on a channel, a line of JSON at a time.

use ocap_guest_sdk::prelude::*;
use serde_json::Value as Json;

/// Nothing to remember: the services are in the index.
#[derive(Durable, Default)]
struct Matcher {}

#[object]
impl Matcher {
    #[started]
    fn serve(this: This<Self>, context: &Context) -> Result<()> {
        let served = context.channel("io.llm")?.serve(&this.cap());
        spawn(async {
            if let Err(error) = served.await {
                error!("the channel can not be served: {error}");
            }
        });
        Ok(())
    }

    async fn line(_this: This<Self>, text: String, connection: Connection) -> Result<()> {
        connection.write(&serde_json::to_string(&reply(&text).await)?).await
    }

    fn register(&self, name: String, description: String) -> Result<Promise<()>> {
        Ok(index()?.call("register", (name, description)))
    }

    fn find(&self, word: String) -> Result<Promise<Vec<String>>> {
        Ok(index()?.call("find", (word,)))
    }
}

/// What a line asks for.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Request {
    Register { name: String, description: String },
    Find(String),
}

/// What is written back. It repeats the line's `id`.
#[derive(Serialize)]
struct Reply {
    id: Json,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok(bool),
    Found(Vec<String>),
    Error(String),
}

/// The reply to a line, whatever the line is.
async fn reply(line: &str) -> Reply {
    let (id, outcome) = match serde_json::from_str::<Json>(line) {
        Ok(Json::Object(mut request)) => (request.remove("id").unwrap_or_default(), perform(request.into()).await),
        Ok(_) => (Json::Null, Err(Error::new("bad-request", "a request is an object"))),
        Err(error) => (Json::Null, Err(error.into())),
    };
    Reply { id, outcome: outcome.unwrap_or_else(|error| Outcome::Error(error.to_string())) }
}

async fn perform(request: Json) -> Result<Outcome> {
    let request = serde_json::from_value(request)
        .map_err(|error| Error::new("bad-request", format!("ask for `register` or `find`: {error}")))?;
    match request {
        Request::Register { name, description } => {
            index()?.call::<()>("register", (name, description)).await?;
            Ok(Outcome::Ok(true))
        }
        Request::Find(word) => Ok(Outcome::Found(index()?.call("find", (word,)).await?)),
    }
}

fn index() -> Result<Cap> {
    context().grant("vat.index")
}

vat!(Matcher);

#[cfg(test)]
mod tests;
