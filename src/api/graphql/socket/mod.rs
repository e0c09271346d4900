//! graphql-transport-ws, as its authors describe it in graphql-ws' PROTOCOL.md, over one WebSocket. The sender waits
//! for the client: what a client does not read stays at the tail, which then tells it so. It never waits here for long.

mod message;
mod strangers;

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_stream::StreamMap;
use tokio_util::sync::CancellationToken;

pub(super) use self::strangers::Strangers;

use self::message::{Close, FromClient, ToClient};
use self::strangers::Stranger;
use super::fault::{Fault, code_all};
use super::http::{GraphQl, Operation};
use super::limits::{
    INIT_TIMEOUT, KEY_CHECK_EVERY, MAX_MESSAGE_BYTES, MAX_OPERATIONS, MAX_UNSENT_BYTES, PING_EVERY,
    SEND_TIMEOUT, SILENCE,
};
use crate::auth::{Caller, authenticate};
use crate::error::{ApiError, Code};
use crate::extract::from_json;
use crate::position::AtLeast;
use crate::state::ApiState;

const PROTOCOL: &str = "graphql-transport-ws";
/// Longest id of an operation, in bytes.
const MAX_ID_BYTES: usize = 128;

/// `GET /graphql/ws`.
pub(super) async fn upgrade(
    State(api): State<ApiState>,
    Extension(graphql): Extension<GraphQl>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let entrance = match entrance(&api, &graphql, &headers) {
        Ok(entrance) => entrance,
        Err(error) => return error.into_response(),
    };
    let key = headers.get(AUTHORIZATION).cloned();
    socket
        .protocols([PROTOCOL])
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .max_write_buffer_size(MAX_UNSENT_BYTES)
        .on_upgrade(move |socket| async move {
            let acceptable = socket.protocol().is_some_and(|name| name == PROTOCOL);
            let connection = Connection::new(api, graphql, socket, key, entrance);
            if acceptable {
                connection.serve().await;
            } else {
                connection.close(Close::NotAcceptable).await;
            }
        })
}

/// What a connection holds while it is open.
enum Entrance {
    /// Its key is not yet known.
    Stranger(Stranger),
    /// Its key is known: a place, given back when it ends.
    Known { _place: OwnedSemaphorePermit },
}

/// Places are for those whose key is known; a key that does not hold is looked at again when it says who it is.
fn entrance(api: &ApiState, graphql: &GraphQl, headers: &HeaderMap) -> Result<Entrance, ApiError> {
    if authenticate(api, headers).is_err() {
        return Ok(Entrance::Stranger(graphql.strangers.enter()));
    }
    let full = |_| ApiError::new(Code::Overloaded, "too many WebSockets are open");
    let place = graphql.sockets.clone().try_acquire_owned().map_err(full)?;
    Ok(Entrance::Known { _place: place })
}

/// One step of an operation.
enum Step {
    Next(Box<async_graphql::Response>),
    Complete,
}

struct Connection {
    api: ApiState,
    graphql: GraphQl,
    socket: WebSocket,
    entrance: Entrance,
    /// The key of the upgrade's own Authorization header.
    header_key: Option<HeaderValue>,
    /// Who it is, and the key that must go on holding.
    caller: Option<(Caller, HeaderMap)>,
    operations: StreamMap<String, BoxStream<'static, Step>>,
    opened_at: Instant,
    heard_at: Instant,
    asked_at: Instant,
}

impl Connection {
    fn new(
        api: ApiState,
        graphql: GraphQl,
        socket: WebSocket,
        header_key: Option<HeaderValue>,
        entrance: Entrance,
    ) -> Self {
        let now = Instant::now();
        let operations = StreamMap::new();
        let (opened_at, heard_at, asked_at) = (now, now, now);
        Self {
            api,
            graphql,
            socket,
            entrance,
            header_key,
            caller: None,
            operations,
            opened_at,
            heard_at,
            asked_at,
        }
    }

    async fn serve(mut self) {
        let why = self.talk().await;
        tracing::debug!("a GraphQL WebSocket ended: {why:?}");
        self.close(why).await;
    }

    /// Talks until there is a reason to end.
    async fn talk(&mut self) -> Close {
        let api = self.api.clone();
        let stopped = api.tail.stopped();
        tokio::pin!(stopped);
        let sent_away = match &self.entrance {
            Entrance::Stranger(stranger) => stranger.sent_away.clone(),
            Entrance::Known { .. } => CancellationToken::new(),
        };
        let mut ticks = interval(KEY_CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = &mut stopped => Err(Close::GoingDown),
                () = sent_away.cancelled() => Err(Close::Crowded),
                _ = ticks.tick() => self.look().await,
                message = self.socket.recv() => self.hear(message).await,
                Some((id, step)) = self.operations.next() => self.tell(&id, step).await,
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    async fn close(mut self, why: Close) {
        if let Some(frame) = why.frame() {
            // Whoever reads nothing is not waited for a second time.
            let _ = timeout(SEND_TIMEOUT, self.socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn send(&mut self, message: ToClient<'_>) -> Result<(), Close> {
        match timeout(SEND_TIMEOUT, self.socket.send(message.written())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Close::Gone),
        }
    }

    /// What must hold all the time: the key, and a client that is there.
    async fn look(&mut self) -> Result<(), Close> {
        let now = Instant::now();
        match &self.caller {
            None if now - self.opened_at > INIT_TIMEOUT => return Err(Close::InitTimeout),
            None => {}
            Some((caller, key)) => {
                let holds = authenticate(&self.api, key).is_ok_and(|now| now == *caller);
                if !holds {
                    return Err(Close::Forbidden);
                }
            }
        }
        if now - self.heard_at > SILENCE {
            return Err(Close::Silent);
        }
        if now - self.asked_at > PING_EVERY {
            self.asked_at = now;
            return self.send(ToClient::Ping).await;
        }
        Ok(())
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Close> {
        self.heard_at = Instant::now();
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => return Err(Close::NotUnderstood),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Close::Gone),
        };
        match from_json(text.as_bytes()).map_err(|_| Close::NotUnderstood)? {
            FromClient::ConnectionInit { payload } => self.init(payload.as_ref()).await,
            FromClient::Ping { payload } => self.send(ToClient::Pong { payload }).await,
            FromClient::Pong {} => Ok(()),
            FromClient::Subscribe { id, payload } => self.begin(id, *payload).await,
            FromClient::Complete { id } => {
                self.operations.remove(&id);
                Ok(())
            }
        }
    }

    /// The key stands in the payload, as browsers must send it, or in the upgrade's header.
    async fn init(&mut self, payload: Option<&Value>) -> Result<(), Close> {
        if self.caller.is_some() {
            return Err(Close::SecondInit);
        }
        let named = ["Authorization", "authorization"]
            .iter()
            .find_map(|name| payload?.get(*name)?.as_str())
            .and_then(|key| HeaderValue::from_str(key).ok());
        let mut key = named.or(self.header_key.take()).ok_or(Close::Forbidden)?;
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, key)]);
        let caller = authenticate(&self.api, &headers).map_err(|_| Close::Forbidden)?;
        if matches!(self.entrance, Entrance::Stranger(_)) {
            let place = self.graphql.sockets.clone().try_acquire_owned();
            self.entrance = Entrance::Known { _place: place.map_err(|_| Close::Full)? };
        }
        self.caller = Some((caller, headers));
        self.send(ToClient::ConnectionAck).await
    }

    async fn begin(&mut self, id: String, operation: Operation) -> Result<(), Close> {
        let Some((caller, _)) = &self.caller else { return Err(Close::NotInitialised) };
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Err(Close::NotUnderstood);
        }
        if self.operations.contains_key(&id) {
            return Err(Close::SameId);
        }
        if self.operations.len() >= MAX_OPERATIONS {
            let told = format!("at most {MAX_OPERATIONS} operations at once on one connection");
            return self.refuse(&id, Fault::too_complex(told)).await;
        }
        let places = Some(Arc::clone(&self.graphql.places));
        match operation.asked_by(&self.api, caller.clone(), AtLeast(None), places) {
            Ok(request) => {
                let answers = self.graphql.schema.execute_stream(request);
                let steps = answers.map(|answer| Step::Next(Box::new(answer)));
                self.operations.insert(id, steps.chain(stream::iter([Step::Complete])).boxed());
                Ok(())
            }
            Err(fault) => self.refuse(&id, fault).await,
        }
    }

    async fn refuse(&mut self, id: &str, fault: Fault) -> Result<(), Close> {
        self.send(ToClient::Error { id, payload: &[fault.into_server_error()] }).await
    }

    /// An answer without data ends its operation: the client knows where it stood and may ask again.
    async fn tell(&mut self, id: &str, step: Step) -> Result<(), Close> {
        let Step::Next(mut answer) = step else {
            self.operations.remove(id);
            return self.send(ToClient::Complete { id }).await;
        };
        code_all(&mut answer);
        if answer.data == async_graphql::Value::Null && !answer.errors.is_empty() {
            self.operations.remove(id);
            return self.send(ToClient::Error { id, payload: &answer.errors }).await;
        }
        self.send(ToClient::Next { id, payload: &answer }).await
    }
}
