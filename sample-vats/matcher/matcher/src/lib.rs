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
        connection.write(&answer(&text).await.to_string()).await
    }

    fn register(&self, name: String, description: String) -> Result<Promise<()>> {
        Ok(index()?.call("register", (name, description)))
    }

    fn find(&self, word: String) -> Result<Promise<Vec<String>>> {
        Ok(index()?.call("find", (word,)))
    }
}

/// What a line may ask for.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Request {
    Register { name: String, description: String },
    Find(String),
}

/// The answer to a line, whatever the line is. It repeats the line's `id`.
async fn answer(line: &str) -> Json {
    let (id, result) = match serde_json::from_str::<Json>(line) {
        Ok(Json::Object(mut request)) => (request.remove("id").unwrap_or_default(), perform(request.into()).await),
        Ok(_) => (Json::Null, Err(Error::new("bad-request", "a request is an object"))),
        Err(error) => (Json::Null, Err(error.into())),
    };
    match result {
        Ok((word, answer)) => serde_json::json!({ "id": id, word: answer }),
        Err(error) => serde_json::json!({ "id": id, "error": error.to_string() }),
    }
}

async fn perform(request: Json) -> Result<(&'static str, Json)> {
    match serde_json::from_value(request)? {
        Request::Register { name, description } => {
            index()?.call::<()>("register", (name, description)).await?;
            Ok(("ok", true.into()))
        }
        Request::Find(word) => {
            let found = index()?.call::<Vec<String>>("find", (word,)).await?;
            Ok(("found", found.into()))
        }
    }
}

fn index() -> Result<Cap> {
    context().grant("vat.index")
}

vat!(Matcher);
