//! The component of the bench without a host around it: behind a bare axum handler that checks nothing.
//!
//! A fresh store and instance out of a pool for each request, and the epoch to make it pause: no session, no install, no
//! queue, no limits, no record, two headers. The distance to it is what this host costs.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the host's engine without the host, and what is asked of it comes by the environment"
)]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    UpdateDeadline,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::it::support::packages;
use crate::server::Server;

wasmtime::component::bindgen!({
    path: "../wit",
    world: "app",
    exports: { default: async },
});

use blnk::app::http_types::Request;
use exports::blnk::app::portal::{GuestIndices, Session};

/// The variable that makes the bench's own program a bare server at the address in it.
const ADDRESS: &str = "AIRLOCK_BENCH_BARE";
const TICK: Duration = Duration::from_millis(1);

/// Starts this very program once more, as a bare server.
pub(crate) async fn start() -> Server {
    Server::start(|address| {
        let program = std::env::current_exe().expect("the bench's own path");
        let mut serve = Command::new(program);
        serve.env(ADDRESS, address);
        serve
    })
    .await
}

/// Serves until it is killed, if this program was started for that.
pub(crate) fn serve_if_asked() {
    let Ok(address) = std::env::var(ADDRESS) else {
        return;
    };
    let host = Arc::new(Bare::new());
    let router = Router::new().route("/tally", post(handle)).with_state(host);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.expect("a free address");
        axum::serve(listener, router).await.expect("a server");
    });
}

struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

struct Bare {
    engine: Engine,
    component: InstancePre<Guest>,
    portal: GuestIndices,
}

impl Bare {
    fn new() -> Self {
        let engine = engine();
        let file = packages::package("probes/tally").join("app.wasm");
        let component = Component::from_file(&engine, file).expect("the probe compiles");
        let mut linker = Linker::<Guest>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI is linked");
        linker
            .define_unknown_imports_as_traps(&component)
            .expect("the probe calls nothing else");
        let component = linker
            .instantiate_pre(&component)
            .expect("the probe is linked");
        let portal = GuestIndices::new(&component).expect("the probe has a portal");
        Self {
            engine,
            component,
            portal,
        }
    }
}

/// A pool as large and as quick to be cleared as the host's, and nothing that guards.
fn engine() -> Engine {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(64 * 1024 * 1024)
        .linear_memory_keep_resident(128 * 1024)
        .table_keep_resident(64 * 1024)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .wasm_gc(false)
        .gc_support(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).expect("an engine");
    let clock = engine.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            clock.increment_epoch();
        }
    });
    engine
}

async fn handle(State(bare): State<Arc<Bare>>, body: Bytes) -> Response {
    let answer = bare.call(body).await.expect("the probe answers everything");
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}

impl Bare {
    async fn call(&self, body: Bytes) -> wasmtime::Result<Vec<u8>> {
        let guest = Guest {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, guest);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| {
            let pause = Box::pin(tokio::task::yield_now());
            Ok(UpdateDeadline::YieldCustom(1, pause))
        });
        let instance = self.component.instantiate_async(&mut store).await?;
        let portal = self.portal.load(&mut store, &instance)?;
        let session = Session {
            id: String::new(),
            user_id: None,
            expires_at: 0,
        };
        let request = Request {
            method: "POST".to_owned(),
            path: vec!["tally".to_owned()],
            query: Vec::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_vec(),
        };
        let response = portal.call_handle(&mut store, &session, &request).await?;
        Ok(response.body)
    }
}
