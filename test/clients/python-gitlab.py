"""Makes the calls of the bot with python-gitlab, and prints what it got as JSON."""

import json
import sys

import gitlab

url, token, reader, group_path, project_path, hidden_path = sys.argv[1:7]
seen = {}


def refused(name, call):
    try:
        call()
        seen[name] = None
    except gitlab.exceptions.GitlabError as error:
        seen[name] = [type(error).__name__, error.response_code, str(error.error_message)]


gl = gitlab.Gitlab(url, private_token=token)
gl.auth()
seen["user"] = gl.user.username
seen["version"] = gl.version()[0]

group = gl.groups.get(group_path)
listed = group.projects.list(include_subgroups=True, with_shared=False, per_page=2, iterator=True)
seen["group"] = sorted(project.path_with_namespace for project in listed)
seen["total"] = listed.total
seen["developer"] = len(group.projects.list(min_access_level=30, simple=True, get_all=True))
refused("hidden", lambda: gl.projects.get(hidden_path))

project = gl.projects.get(project_path)
seen["default_branch"] = project.default_branch
seen["role"] = project.permissions["group_access"]["access_level"]
seen["member"] = project.members_all.get(gl.user.id).access_level

tree = project.repository_tree(recursive=True, pagination="keyset", per_page=2, get_all=True)
seen["tree"] = [entry["path"] for entry in tree]
file = project.files.get(".gitlab-ci.yml", ref="main")
seen["file"] = file.decode().decode()
refused("no_file", lambda: project.files.get("nope", ref="main"))
lint = project.ci_lint.create({"content": "build:\n  services: 1\n  script: [x]\n"})
seen["lint"] = [lint.valid, lint.errors]
seen["lint_main"] = project.ci_lint.get().valid


def commit(**more):
    action = {
        "action": "update",
        "file_path": ".gitlab-ci.yml",
        "content": "build:\n  script: [y]\n",
        "last_commit_id": file.last_commit_id,
    }
    data = {"branch": "bot", "commit_message": "Change", "actions": [action]}
    return project.commits.create({**data, **more})


made = commit(start_sha=file.commit_id)
seen["parent"] = made.parent_ids == [file.commit_id]
refused("branch_exists", lambda: commit(start_sha=file.commit_id))
again = commit(start_sha=file.commit_id, force=True)
seen["forced"] = project.branches.get("bot").commit["id"] == again.id

request = {"source_branch": "bot", "target_branch": "main", "title": "Change", "labels": ["ci"]}
mr = project.mergerequests.create(request)
seen["mr"] = [mr.iid, mr.state, mr.sha == again.id, mr.labels, mr.has_conflicts]
refused("second_mr", lambda: project.mergerequests.create(request))
found = project.mergerequests.list(source_branch="bot", state="all", scope="all", get_all=True)
seen["found"] = [one.iid for one in found]
compared = project.repository_compare("main", "bot")
seen["compare"] = [len(compared["commits"]), [diff["new_path"] for diff in compared["diffs"]]]

note = mr.notes.create({"body": "hello"})
note.body = "hello again"
note.save()
seen["notes"] = [one.body for one in mr.notes.list(get_all=True)]
mr.description = "described"
mr.state_event = "close"
mr.save()
seen["closed"] = [project.mergerequests.get(mr.iid).state, project.mergerequests.get(mr.iid).description]

update = {"action": "update", "file_path": ".gitlab-ci.yml", "content": "x:\n  script: [z]\n"}
weak_guard = {"branch": "main", "commit_message": "Meanwhile", "actions": [update]}
refused("protected", lambda: project.commits.create(weak_guard))
gitlab.Gitlab(url, private_token=sys.argv[7]).projects.get(project_path).commits.create(weak_guard)
refused("stale", lambda: commit(branch="late", start_sha=file.commit_id))

pipeline = project.pipelines.list(get_all=True)[0]
job = pipeline.jobs.list(get_all=True)[0]
seen["pipeline"] = [pipeline.status, job.name]
seen["trace"] = project.jobs.get(job.id).trace().decode()
status = project.commits.get(pipeline.sha).statuses.create(
    {"state": "success", "name": "tidepool/verify", "pipeline_id": pipeline.id}
)
seen["status"] = [status.status, status.name]
seen["bridges"] = len(pipeline.bridges.list(get_all=True))

project.labels.create({"name": "docker", "color": "#0000ff"})
refused("second_label", lambda: project.labels.create({"name": "docker", "color": "#0000ff"}))
issue = project.issues.create({"title": "Report", "description": "x", "labels": ["docker"]})
issue.description = "y"
issue.save()
issues = project.issues.list(labels=["docker"], state="opened", get_all=True)
seen["issues"] = [[one.title, one.description] for one in issues]
schedule = project.pipelineschedules.create({"ref": "main", "description": "d", "cron": "0 4 * * 1"})
seen["schedule"] = [schedule.cron, schedule.active]

weak = gitlab.Gitlab(url, private_token=reader)
seen["reader"] = weak.projects.get(project_path).path_with_namespace
refused("scope", lambda: weak.projects.get(project_path).labels.create({"name": "n", "color": "#fff"}))
refused("nobody", lambda: gitlab.Gitlab(url, private_token="nope").projects.get(project_path))

print(json.dumps(seen))
