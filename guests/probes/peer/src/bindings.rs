//! What `wit-bindgen` makes of `wit/`.

wit_bindgen::generate!({
    path: "wit",
    world: "peer",
    generate_all,
});
