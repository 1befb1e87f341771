"""The HTML pages of the local Hub, as Jinja templates that escape everything and run no script."""

_STYLE = """\
:root { color-scheme: light dark; --ink: #1c1c1a; --soft: #66655e; --line: #dddbd0; --paper: #fffefa; --shade: #f6f4ea;
  --mark: #fbeaa0; --link: #745600; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ecebe4; --soft: #a8a69c; --line: #3a3a35; --paper: #191917; --shade: #242420; --mark: #4d4214;
    --link: #f2cf4a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .4rem 0; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line);
  padding-bottom: .25rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .6rem 0; }
nav, .soft, h1 small, time { color: var(--soft); }
h1 small { font-size: 1em; font-weight: 400; }
.kind { font-size: .8rem; font-weight: 600; vertical-align: .25em; background: var(--mark); border-radius: .3rem;
  padding: .15rem .5rem; margin-right: .35rem; }
ul.chips { display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; margin: .6rem 0; list-style: none; }
.chips li { background: var(--shade); border: 1px solid var(--line); border-radius: 1rem; padding: .05rem .65rem;
  font-size: .875rem; }
.chips span { color: var(--soft); }
.chips .here { background: var(--mark); border-color: var(--soft); }
.chips .here a { color: inherit; text-decoration: none; }
.scroll { overflow-x: auto; max-width: 100%; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { background: var(--shade); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem;
  margin: .5rem 0; overflow-x: auto; overflow-wrap: normal; line-height: 1.45; }
code { font: .875em/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
:not(pre) > code { background: var(--shade); border-radius: .25rem; padding: .05em .25em; }
img { max-width: 100%; height: auto; }
blockquote { margin: .6rem 0; padding-left: .9rem; border-left: 3px solid var(--line); color: var(--soft); }
hr { border: 0; border-top: 1px solid var(--line); margin: 2rem 0; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 2.5rem; border-top: 1px solid var(--line);
  margin-top: 1rem; }
.columns h2 { border: 0; }
.side { font-size: .9375rem; }
.side h2, .use h2, .rows h2 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
.refs { list-style: none; padding: 0; margin: 0; }
.refs li { display: flex; justify-content: space-between; gap: .75rem; padding: .2rem .5rem; border-radius: .3rem; }
.refs time { white-space: nowrap; font-size: .875rem; }
.refs .here { background: var(--mark); }
.refs .here a, .refs .here time { color: inherit; }
summary { cursor: pointer; padding: .2rem 0; }
.rows table { font-size: .875rem; }
.rows th { white-space: nowrap; }
.rows th span { display: block; font-weight: 400; color: var(--soft); font-size: .8125rem; }
.rows td { line-height: 1.4; }
.rows .text { min-width: 15rem; }
.rows .short { white-space: nowrap; }
.rows .none { color: var(--soft); white-space: nowrap; }
article { border-top: 1px solid var(--line); margin-top: 1.75rem; padding-top: .5rem; }
article h2, article h3 { scroll-margin-top: 1rem; }
article h2 { border-bottom: 1px solid var(--line); }
.toc { font-size: .9375rem; margin: .75rem 0; }
.toc a { display: inline-block; margin-right: .9rem; }
.side .toc { display: none; }
article table { width: auto; min-width: 50%; overflow-wrap: break-word; }
.repo { padding: .7rem 0; border-bottom: 1px solid var(--line); }
.repo p { margin: .15rem 0 0; }
.repo a { font-weight: 600; margin-right: .5rem; }
.tag { background: var(--shade); border: 1px solid var(--line); border-radius: 1rem; padding: .05rem .6rem;
  font-size: .8125rem; margin-right: .5rem; }
@media (min-width: 62rem) {
  .columns { grid-template-columns: minmax(0, 1fr) 18rem; grid-template-rows: auto 1fr; }
  .columns main { grid-column: 1; grid-row: 1 / span 2; }
  .columns .side { grid-column: 2; }
  article .toc { display: none; }
  .side .toc { display: block; position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow-y: auto;
    margin-top: 2rem; }
  .side .toc a { display: block; margin: .3rem 0; }
}
"""

_BASE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{% block title %}}{{% endblock %}}local Hub</title>
<style>
{_STYLE}</style>
</head>
<body>
<nav><a href="/">Local Hub</a>{{% block path %}}{{% endblock %}}</nav>
{{% block body %}}{{% endblock %}}
</body>
</html>
"""

_MACROS = """\
{% macro contents(headings) %}
{% if headings | length > 2 %}
<p class="toc"><span class="soft">On this page:</span>
{% for anchor, text in headings %}
<a href="#{{ anchor }}">{{ text }}</a>
{% endfor %}
</p>
{% endif %}
{% endmacro %}
{% macro date(moment) -%}
<time datetime="{{ moment.isoformat() }}" title="{{ moment.strftime("%Y-%m-%d %H:%M UTC") }}">{{ moment | day }}</time>
{%- endmacro %}
{% macro ref_item(ref, repo, shown) -%}
<li{% if ref == shown %} class="here"{% endif %}><a href="/{{ repo.url_path }}?revision={{ ref.name | urlencode }}"
{%- if ref == shown %} aria-current="page"{% endif %}>{{ ref.name }}</a>{{ date(ref.time) }}</li>
{%- endmacro %}
"""

_INDEX = """\
{% extends "base" %}
{% from "macros" import date %}
{% block body %}
<h1>Local Hub</h1>
<p class="soft">Repositories of this machine. Clients use them with <code>HF_ENDPOINT={{ endpoint }}</code>.</p>
{% for name, repos in groups %}
<h2>{{ name }}</h2>
{% for repo in repos %}
<div class="repo"><a href="/{{ repo.url_path }}">{{ repo.name }}</a>
{%- if repo.tag %} <span class="tag">{{ repo.tag }}</span>{% endif %} {{ date(repo.changed) }}
{% if repo.summary %}
<p>{{ repo.summary }}</p>
{% endif %}
</div>
{% else %}
<p class="soft">None yet.</p>
{% endfor %}
{% endfor %}
{% if collections %}
<h2>Collections</h2>
{% for collection, changed in collections %}
<div class="repo"><a href="/collections/{{ collection.slug }}">{{ collection.title }}</a> <span class="soft">of
{{ collection.namespace }},</span> {{ date(changed) }}
{% if collection.description %}
<p>{{ collection.description }}</p>
{% endif %}
</div>
{% endfor %}
{% endif %}
{% if hidden %}
<p class="soft">{{ hidden }} private {{ "repository is" if hidden == 1 else "repositories are" }} not shown.</p>
{% endif %}
{% endblock %}
"""

_COLLECTION = """\
{% extends "base" %}
{% from "macros" import date %}
{% block title %}{{ collection.title }} · {% endblock %}
{% block path %} / Collections / {{ collection.namespace }}{% endblock %}
{% block body %}
<h1><span class="kind">Collection</span> {{ collection.title }}</h1>
<p class="soft">Changed {{ date(changed) }}{% if collection.private %} · private{% endif %}</p>
{% if collection.description %}
<p>{{ collection.description }}</p>
{% endif %}
{% if items %}
<div class="scroll"><table>
<tr><th>Repository</th><th>Kind</th><th>Note</th></tr>
{% for item, id in items %}
<tr><td><a href="/{{ id.url_path }}">{{ id.full }}</a></td><td>{{ item.kind }}</td><td>{{ item.note or "" }}</td></tr>
{% endfor %}
</table></div>
{% else %}
<p class="soft">Nothing in it yet.</p>
{% endif %}
{% endblock %}
"""

_REPOSITORY = """\
{% extends "base" %}
{% from "macros" import contents, date, ref_item %}
{% block title %}{{ repo.full }} · {% endblock %}
{% block path %} / {{ repo.kind.capitalize() }} / {{ repo.namespace }}{% endblock %}
{% block body %}
<header>
<h1><span class="kind">{{ kind }}</span> <small>{{ repo.namespace }} /</small> {{ repo.name }}</h1>
{% if summary %}
<p>{{ summary }}</p>
{% endif %}
{% if labels or origins %}
<ul class="chips">
{% for name, value in labels %}
<li><span>{{ name }}:</span> {{ value }}</li>
{% endfor %}
{% for name, value, link in origins %}
<li><span>{{ name }}:</span> {% if link %}<a href="{{ link }}">{{ value }}</a>{% else %}{{ value }}{% endif %}</li>
{% endfor %}
</ul>
{% endif %}
<p class="soft">
{% if shown %}
{{ "Version" if shown.version else "Tag" if shown.is_tag else "Branch" }} <code>{{ shown.name }}</code>,
{% endif %}
commit
<a href="/{{ repo.url_path }}?revision={{ commit }}"><code>{{ commit[:12] }}</code></a> of {{ date(changed) }}
{%- if settings.private %} · private{% endif %}{% if settings.gated %} · gated{% endif %}</p>
</header>
<div class="columns">
<aside class="side">
<h2>Versions</h2>
<ul class="refs">
{% for ref in refs[0] %}
{{ ref_item(ref, repo, shown) }}
{% endfor %}
</ul>
{% if refs[1] %}
<details{% if shown in refs[1] %} open{% endif %}>
<summary>{{ refs[1] | length }} more</summary>
<ul class="refs">
{% for ref in refs[1] %}
{{ ref_item(ref, repo, shown) }}
{% endfor %}
</ul>
</details>
{% endif %}
</aside>
<main>
<section class="use">
<h2>Use this {{ kind.lower() if kind != "Space" else kind }}</h2>
{% if run %}
<p>Run it on this machine, then <a href="{{ run[1] }}">open it</a>:</p>
<pre><code>{{ run[0] }}</code></pre>
<p>Or fetch its files. In the shell, before Python starts:</p>
{% else %}
<p>In the shell, before Python starts:</p>
{% endif %}
<pre><code>export HF_ENDPOINT={{ endpoint }}</code></pre>
<p>In Python:</p>
<pre><code>{{ code }}</code></pre>
<p class="soft">{% if pinned and shown and not shown.is_tag -%}
<code>{{ pinned.name }}</code> is the newest version. A tag never moves; <code>{{ shown.name }}</code> may
{%- if pinned.commit != commit %}, and has changed since that version{% endif %}.
{%- elif pinned -%}
The tag <code>{{ pinned.name }}</code> never moves: these lines load the same files for good.
{%- else -%}
No version's tag leads here: the commit's id stands for these files.
{%- endif %}</p>
</section>
{% if preview or configs | length > 1 %}
<section class="rows" id="hub-rows">
<h2>First rows</h2>
{% if configs | length > 1 %}
<ul class="chips">
{% for name, query in configs %}
<li{% if config and name == config.name %} class="here"{% endif %}><a href="/{{ repo.url_path }}?{{ query }}#hub-rows">
{{- name }}</a></li>
{% endfor %}
</ul>
{% endif %}
{% if not preview %}
<p class="soft">The rows of <code>{{ config.name }}</code> cannot be shown here.</p>
{% else %}
<p class="soft">{{ preview.rows | length }} of {{ "{:,}".format(preview.count) }} rows of
{% if preview.split %}
the split <code>{{ preview.split }}</code> of <code>{{ config.name }}</code>,
{% endif %}
<code>{{ preview.path }}</code>
{%- if preview.hidden %}; {{ preview.hidden }} more columns are not shown{% endif %}. Long texts are cut.</p>
<div class="scroll"><table>
<tr>
{% for column in preview.columns %}
<th{% if column.numeric %} class="number"{% endif %}>{{ column.name }}<span>{{ column.type }}</span></th>
{% endfor %}
</tr>
{% for row in preview.rows %}
<tr>
{% for cell in row %}
<td class="{{ cell.style }}{% if preview.columns[loop.index0].numeric %} number{% endif %}">{{ cell.text }}</td>
{% endfor %}
</tr>
{% endfor %}
</table></div>
{% endif %}
</section>
{% endif %}
<article>
{{ contents(card.headings) }}
{{ card.html or "This repository has no card (README.md)." }}
</article>
</main>
<aside class="side">
<h2>Files</h2>
<details>
<summary>{{ count }} file{{ "s" if count != 1 }}, {{ total | size }}</summary>
<table>
{% for file, link in files %}
<tr><td><a href="{{ link }}">{{ file.path }}</a></td><td class="number">{{ file.size | size }}</td></tr>
{% endfor %}
</table>
{% if count > files | length %}
<p class="soft">and {{ count - files | length }} more files</p>
{% endif %}
</details>
{% if tags %}
<h2>Tags to search by</h2>
<ul class="chips">
{% for tag in tags %}
<li>{{ tag }}</li>
{% endfor %}
</ul>
{% endif %}
{{ contents(card.headings) }}
</aside>
</div>
{% endblock %}
"""

TEMPLATES = {
    "base": _BASE,
    "macros": _MACROS,
    "index": _INDEX,
    "collection": _COLLECTION,
    "repository": _REPOSITORY,
}
