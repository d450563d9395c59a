//! What was changed on the real server between two exchanges of a recording.

use registry_intake::simulator::harbor_v2::{Contents, Project, Push};

use super::seed::{Rows, number, text};

/// An artifact that was deleted before any list showed it.
const UNSEEN: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000306";

/// Changes the contents as they were changed before the exchange with this index.
pub(crate) fn before(file: &str, index: usize, rows: &Rows, contents: &mut Contents) {
    match file {
        "keyset-paging" => keyset_paging(index, rows, contents),
        "keyset" => keyset(index, rows, contents),
        "changes-while-paging-artifacts" => paging_artifacts(index, rows, contents),
        "changes-while-paging-projects" => paging_projects(index, contents),
        "update-time-semantics" => update_time("scratch/uptime", index, rows, contents),
        "update-time" => update_time("scratch2/uptime", index, rows, contents),
        "empty-page" | "empty-page-100" if index == 0 => signatures(file, rows, contents),
        "proxy-cache" => proxy_cache(index, rows, contents),
        _ => {}
    }
}

fn digest(rows: &Rows, id: u64) -> String {
    text(rows.artifact(id), "digest")
}

/// Pushes an image with the digest that is recorded for its id.
fn push(rows: &Rows, contents: &mut Contents, path: &str, id: u64, tag: &str) {
    let row = rows.artifact(id);
    let image = match text(row, "manifest_media_type").contains("docker") {
        true => Push::image().docker(),
        false => Push::image(),
    };
    let image = image.id(id).digest(&text(row, "digest"));
    let image = if tag.is_empty() {
        image
    } else {
        image.tag(tag)
    };
    assert_eq!(contents.push(path, image).id, id);
}

/// Pushes by another tag, or again, what is there.
fn push_again(rows: &Rows, contents: &mut Contents, path: &str, id: u64, tag: &str) {
    let again = Push::image().digest(&digest(rows, id)).tag(tag);
    assert_eq!(contents.push(path, again).id, id);
}

/// Creates the repository, and its project, with the ids that the rows of its artifacts show.
fn create(rows: &Rows, contents: &mut Contents, path: &str) {
    let row = rows.artifact(rows.ids_in(path)[0]);
    let (project, _) = path.split_once('/').unwrap();
    create_project(
        contents,
        Project::private(project),
        number(row, "project_id"),
    );
    let id = number(row, "repository_id");
    while contents.create_repository(path) < id {
        contents.delete_repository(path);
    }
    assert_eq!(contents.create_repository(path), id);
}

/// Creates the project with this id, letting the ids before it go by.
fn create_project(contents: &mut Contents, project: Project, id: u64) {
    while contents.create_project(project.clone()) < id {
        contents.delete_project(project.name());
    }
    assert_eq!(contents.create_project(project), id);
}

fn keyset_paging(index: usize, rows: &Rows, contents: &mut Contents) {
    let path = "scratch/keyset";
    match index {
        0 => {
            create(rows, contents, path);
            for (place, id) in (441..=447).enumerate() {
                push(rows, contents, path, id, &format!("t{place}"));
            }
        }
        1 => {
            assert!(contents.delete_artifact(path, &digest(rows, 441)));
            push(rows, contents, path, 448, "new");
        }
        _ => {}
    }
}

fn keyset(index: usize, rows: &Rows, contents: &mut Contents) {
    let path = "scratch/keyset";
    match index {
        0 => {
            create(rows, contents, path);
            for (place, id) in (302..=309).enumerate() {
                let tag = format!("t{place}");
                if id == 306 {
                    let unseen = Push::image().id(id).digest(UNSEEN).tag(&tag);
                    contents.push(path, unseen);
                } else {
                    push(rows, contents, path, id, &tag);
                }
            }
        }
        1 => {
            assert!(contents.delete_artifact(path, &digest(rows, 302)));
            assert!(contents.delete_artifact(path, UNSEEN));
            push(rows, contents, path, 310, "new");
            assert!(contents.tag(path, &digest(rows, 307), "t0b"));
        }
        11 => assert!(contents.delete_project("scratch")),
        _ => {}
    }
}

fn paging_artifacts(index: usize, rows: &Rows, contents: &mut Contents) {
    let path = "scratch/paging";
    match index {
        0 => {
            create(rows, contents, path);
            for (place, id) in (430..=436).enumerate() {
                push(rows, contents, path, id, &format!("t{place}"));
            }
        }
        1 => push(rows, contents, path, 437, "new"),
        3 => push(rows, contents, path, 438, "new2"),
        6 => assert!(contents.delete_artifact(path, &digest(rows, 430))),
        _ => {}
    }
}

fn paging_projects(index: usize, contents: &mut Contents) {
    match index {
        0 => {
            create_project(contents, Project::private("scratch"), 25);
            create_project(contents, Project::private("aa-temp-1"), 26);
            create_project(contents, Project::private("aa-temp-2"), 27);
        }
        1 => assert!(contents.delete_project("aa-temp-1")),
        3 => {
            contents.create_project(Project::private("aa-temp-1"));
        }
        5 => {
            contents.create_project(Project::private("aa-temp-3"));
        }
        6 => assert!(contents.delete_project("aa-temp-2")),
        _ => {}
    }
}

fn update_time(path: &str, index: usize, rows: &Rows, contents: &mut Contents) {
    let ids = rows.ids_in(path);
    let (one, two) = (ids[0], ids[1]);
    // On 2.15 the tag was not moved back, so that all that follows comes two exchanges earlier.
    let moved_back = path == "scratch2/uptime";
    let index = if moved_back || index < 8 {
        index
    } else {
        index + 2
    };
    match index {
        0 => {
            create(rows, contents, path);
            contents.number_audit_log(rows.first_logged());
            push(rows, contents, path, one, "one");
        }
        2 | 4 => push_again(rows, contents, path, one, "two"),
        6 => push(rows, contents, path, two, "two"),
        8 if moved_back => push_again(rows, contents, path, one, "two"),
        10 => assert!(contents.delete_tag(path, "two")),
        12 => assert!(contents.tag(path, &digest(rows, two), "three")),
        18 => assert!(contents.pull(path, "one")),
        20 => assert!(contents.delete_artifact(path, &digest(rows, two))),
        22 => assert!(contents.delete_repository(path)),
        _ => {}
    }
}

/// The ids that no row shows are signatures, of one image in the file of 105 of them.
fn signatures(file: &str, rows: &Rows, contents: &mut Contents) {
    let path = "scratch3/sigs";
    create(rows, contents, path);
    let shown = rows.ids_in(path);
    let mut images = Vec::new();
    for id in shown[0]..=shown[shown.len() - 1] {
        if shown.contains(&id) {
            push(rows, contents, path, id, &format!("t{}", images.len()));
            images.push(digest(rows, id));
        } else {
            let signed = match file {
                "empty-page" => id as usize % images.len(),
                _ => 0,
            };
            contents.push(path, Push::signature_of(&images[signed]).id(id));
        }
    }
}

/// Pulls through the cache, which are not simulated, made the listed artifacts.
fn proxy_cache(index: usize, rows: &Rows, contents: &mut Contents) {
    let (app, multi) = ("zz-proxy/up/app", "zz-proxy/up/multi");
    match index {
        3 => create_project(contents, Project::private("zz-proxy").proxy_cache(1), 32),
        24 => {
            create(rows, contents, app);
            push(rows, contents, app, 449, "v1");
        }
        33 => {
            assert!(contents.tag(app, &digest(rows, 449), "stable"));
            push(rows, contents, app, 450, "");
        }
        36 => {
            create(rows, contents, multi);
            push(rows, contents, multi, 451, "");
        }
        _ => {}
    }
}
