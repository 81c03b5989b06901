//! For fuzzing: what must hold of every address that the path policy lets out, whatever a guest names.

use url::Url;

use super::error::CloudError;
use super::outbound::Outbound;
use super::path;
use super::transport::{CloudSettings, address};
use crate::model::InstanceId;

/// The request for what a guest names: which function, and the words it gives.
fn request(function: u8, words: &[String]) -> Result<Outbound, CloudError> {
    let first = words.first().map_or("", String::as_str);
    let second = words.get(1).map_or("", String::as_str);
    // Words beyond the path, in pairs, where a query is taken.
    let pairs = |from: usize| {
        let rest = words.get(from..).unwrap_or_default();
        let pair = |two: &[String]| (two.concat(), first.to_owned());
        rest.chunks(2).map(pair).collect::<Vec<_>>()
    };
    Ok(match function % 8 {
        0 => Outbound::get(path::data_list(first)?).query(path::filters(pairs(1))?),
        1 => Outbound::get(path::data_item(first, second)?),
        2 => Outbound::read_by_post(path::filter(first)?, String::new()),
        3 => {
            let (path, query) = path::core_read(words, Vec::new(), function >= 128)?;
            Outbound::get(path).query(query)
        }
        4 => {
            let query = vec![(first.to_owned(), second.to_owned())];
            let at = ["balances", "bln_1", "at"].map(str::to_owned);
            let (path, query) = path::core_read(&at, query, false)?;
            Outbound::get(path).query(query)
        }
        5 => Outbound::post(path::core_post(words, function >= 128)?, String::new()),
        6 => Outbound::put(path::core_put(words)?, String::new()),
        _ => Outbound::get(path::CloudPath::fixed(&[
            "alerts",
            path::id(first)?.as_str(),
        ]))
        .alerts(),
    })
}

/// Names something as a guest would. Answers whether it became a request.
///
/// # Panics
///
/// Where the request would leave its place: another origin, more or other segments, another instance.
pub(crate) fn check_address(function: u8, words: &[String]) -> bool {
    let Ok(request) = request(function, words) else {
        return false;
    };
    let (Ok(base), Ok(instance)) = (
        Url::parse("https://api.example.com/base/"),
        InstanceId::parse("instance_1&instance_id=other"),
    ) else {
        return false;
    };
    let settings = CloudSettings {
        api_url: base.clone(),
        instance_id_on_alerts: true,
        allow_detokenize: true,
    };
    let url = address(&settings, &instance, &request);
    assert_eq!(url.origin(), base.origin());
    assert_eq!(
        (url.username(), url.password(), url.fragment()),
        ("", None, None)
    );
    // What a server, or a parser on the way, would make of it.
    assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(&url));
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().skip(1).collect();
    assert_eq!(
        segments,
        request.path().segments(),
        "nothing needed to be encoded"
    );
    assert!(
        segments
            .iter()
            .all(|segment| !matches!(*segment, "" | "." | ".."))
    );
    let told: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name.eq_ignore_ascii_case("instance_id"))
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(told, [instance.as_str()]);
    true
}
