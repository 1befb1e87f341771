"""The one HTML page of the local Hub, as a Jinja template that escapes everything."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · local Hub</title>
<style>
:root { color-scheme: light dark; --ink: #1c1c1a; --soft: #6b6a63; --line: #dddbd0; --paper: #fffefa; --shade: #f5f3e8;
  --link: #7a5b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ecebe4; --soft: #a3a197; --line: #3a3a35; --paper: #191917; --shade: #242420; --link: #f2cf4a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 54rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
nav, .soft, td.number { color: var(--soft); }
.chips { display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; margin: .5rem 0; list-style: none; }
.chips li { background: var(--shade); border: 1px solid var(--line); border-radius: 1rem; padding: .05rem .6rem;
  font-size: .875rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { background: var(--shade); border-radius: .4rem; padding: .7rem; overflow-x: auto; }
code { font-size: .9em; }
img { max-width: 100%; height: auto; }
article { margin-top: 1rem; }
</style>
</head>
<body>
<nav><a href="/">Local Hub</a>{% if repo %} / {{ repo.kind }} / {{ repo.namespace }}{% endif %}</nav>
<h1>{{ title }}</h1>
{%- if repo %}
<p class="soft">{{ kind }} at <code>{{ revision }}</code> (<code>{{ commit }}</code>), changed {{ changed }}
{%- if private %} · private{% endif %}{% if gated %} · gated{% endif %}</p>
{%- if labels %}
<ul class="chips">{% for label in labels %}<li>{{ label }}</li>{% endfor %}</ul>
{%- endif %}
<pre><code>export HF_ENDPOINT={{ endpoint }}
{{ snippet }}</code></pre>
<h2>Branches and tags</h2>
<ul class="chips">{% for ref in refs -%}
<li><a href="/{{ repo.url_path }}?revision={{ ref|urlencode }}">{{ ref }}</a></li>
{%- endfor %}</ul>
<h2>Files</h2>
<div class="scroll"><table>
<tr><th>File</th><th>Size</th></tr>
{%- for file in files %}
<tr><td><a href="{{ file.href }}">{{ file.path }}</a></td><td class="number">{{ file.size }}</td></tr>
{%- endfor %}
</table></div>
{%- if hidden %}
<p class="soft">and {{ hidden }} more files</p>
{%- endif %}
<h2>Card</h2>
<article>{{ card or "This repository has no card (README.md)." }}</article>
{%- else %}
<p class="soft">Repositories of this machine. Clients use them with <code>HF_ENDPOINT={{ endpoint }}</code>.</p>
{%- for name, repos in groups %}
<h2>{{ name }}</h2>
{%- if repos %}
<div class="scroll"><table>
<tr><th>Repository</th><th>Newest tag</th><th>Changed</th></tr>
{%- for repo in repos %}
<tr><td><a href="/{{ repo.url_path }}">{{ repo.name }}</a></td><td>{{ repo.tag }}</td><td>{{ repo.changed }}</td></tr>
{%- endfor %}
</table></div>
{%- else %}
<p class="soft">None yet.</p>
{%- endif %}
{%- endfor %}
{%- if hidden %}
<p class="soft">{{ hidden }} private {{ "repository is" if hidden == 1 else "repositories are" }} not shown.</p>
{%- endif %}
{%- endif %}
</body>
</html>
"""
