use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::simulator::acr::{
    call::Call, contents::Contents, keys::AccessKey, readings::Wrapper, refusal::Refusal,
};

/// One call to the registry of an account.
pub(super) struct Asked<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) key: &'a AccessKey,
    pub(super) contents: &'a Contents,
}

/// What a path asks for, with the names in it.
enum Route<'a> {
    Regions,
    Tokens,
    Namespaces,
    Namespace(&'a str),
    Repositories(Option<&'a str>),
    Repository([&'a str; 2]),
    Tags([&'a str; 2]),
    Tag([&'a str; 3]),
    Manifest([&'a str; 3]),
    Layers([&'a str; 3]),
    Scan([&'a str; 3]),
    ScanStatus([&'a str; 3]),
    ScanCount([&'a str; 3]),
    ScanResult([&'a str; 3]),
}

pub(in crate::simulator::acr) fn answer(
    call: &Call<'_>,
    key: &AccessKey,
    contents: Option<&Contents>,
) -> Result<Value, Refusal> {
    let segments = call.request.path.trim_start_matches('/').split('/');
    let decoded = segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy());
    let segments: Vec<_> = decoded.collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let route = Route::of(&call.request.method, &segments).ok_or_else(Refusal::no_such_api)?;
    call.refuse_unless_allowed(key, &format!("cr:{}", route.action()))?;
    // What an account without a registry is told is not known; its user is missing as well.
    let contents = contents.ok_or_else(Refusal::no_user)?;
    let asked = Asked {
        call,
        key,
        contents,
    };
    let (data, is_modelled_flat) = match route {
        Route::Regions => (asked.regions(), false),
        Route::Tokens => (asked.token()?, false),
        Route::Namespaces => (asked.namespaces(), false),
        Route::Namespace(name) => (asked.namespace(name)?, false),
        Route::Repositories(namespace) => (asked.repositories(namespace)?, false),
        Route::Repository(path) => (asked.repository(path)?, false),
        Route::Tags(path) => (asked.tags(path)?, false),
        Route::Tag(path) => (asked.tag(path)?, true),
        Route::Manifest(path) => (asked.manifest(path)?, false),
        Route::Layers(path) => (asked.layers(path)?, false),
        Route::Scan(path) => {
            asked.scan(path)?;
            return Ok(json!({ "requestId": call.request_id() }));
        }
        Route::ScanStatus(path) => (asked.scan_status(path)?, false),
        Route::ScanCount(path) => (asked.scan_count(path)?, false),
        Route::ScanResult(path) => (asked.scan_result(path)?, false),
    };
    let is_flat = match call.gateway.readings.wrapper {
        Wrapper::AsModelled => is_modelled_flat,
        Wrapper::Data => false,
        Wrapper::Nothing => true,
    };
    let mut body = if is_flat {
        data
    } else {
        json!({ "data": data })
    };
    body["requestId"] = json!(call.request_id());
    Ok(body)
}

impl<'a> Route<'a> {
    fn of(method: &str, segments: &[&'a str]) -> Option<Self> {
        let route = match *segments {
            ["regions"] => Self::Regions,
            ["tokens"] => Self::Tokens,
            ["namespace"] => Self::Namespaces,
            ["namespace", name] => Self::Namespace(name),
            ["repos"] => Self::Repositories(None),
            ["repos", namespace] => Self::Repositories(Some(namespace)),
            ["repos", namespace, name] => Self::Repository([namespace, name]),
            ["repos", namespace, name, "tags"] => Self::Tags([namespace, name]),
            ["repos", namespace, name, "tags", tag] => Self::Tag([namespace, name, tag]),
            ["repos", namespace, name, "tags", tag, what] => {
                let path = [namespace, name, tag];
                match what {
                    "manifest" => Self::Manifest(path),
                    "layers" => Self::Layers(path),
                    "scan" => Self::Scan(path),
                    "scanStatus" => Self::ScanStatus(path),
                    "scanCount" => Self::ScanCount(path),
                    "scanResult" => Self::ScanResult(path),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let wanted = if matches!(route, Self::Scan(_)) {
            "PUT"
        } else {
            "GET"
        };
        (method == wanted).then_some(route)
    }

    /// The name of the call, which is also that of the action that RAM must allow, as far as known.
    fn action(&self) -> &'static str {
        match self {
            Self::Regions => "GetRegionList",
            Self::Tokens => "GetAuthorizationToken",
            Self::Namespaces => "GetNamespaceList",
            Self::Namespace(_) => "GetNamespace",
            Self::Repositories(None) => "GetRepoList",
            Self::Repositories(Some(_)) => "GetRepoListByNamespace",
            Self::Repository(_) => "GetRepo",
            Self::Tags(_) => "GetRepoTags",
            Self::Tag(_) => "GetRepoTag",
            Self::Manifest(_) => "GetImageManifest",
            Self::Layers(_) => "GetImageLayer",
            Self::Scan(_) => "StartImageScan",
            Self::ScanStatus(_) => "GetRepoTagScanStatus",
            Self::ScanCount(_) => "GetRepoTagScanSummary",
            Self::ScanResult(_) => "GetRepoTagScanList",
        }
    }
}
