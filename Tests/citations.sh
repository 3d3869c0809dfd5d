#!/bin/sh
# Every protocol document that a source or a test cites (`serf.md` section 8, `secure-transport.md` 3.2) is an article of Sources/Serf/Serf.docc,
# and has the sections that are cited: a heading "## 8." or "### 4.13", or rule 2 in the numbered list under "## 3.".
set -eu
cd "$(dirname "$0")/.."
articles=Sources/Serf/Serf.docc
failed=0
checked=0

# "N" or "N.M" of every heading, and of every numbered rule of an article.
sections() {
  awk '/^##+ [0-9]/ { number = $2; sub(/\.$/, "", number); print number; if (number !~ /\./) chapter = number }
       /^[0-9]+\. / { number = $1; sub(/\.$/, "", number); print chapter "." number }' "$1"
}

# One "article number" per line. A citation may continue on the next line of a comment, and may name several: 4.4 and 4.5, 1–3, 2.4, 4.10.
citations=$(for file in $(git ls-files 'Sources/*.swift' 'Sources/*.h' 'Sources/*.c' 'Tests/*.swift' 'certs/*.md'); do
  sed -E 's#^ *(///?|\*) ?##' "$file" | tr '\n' ' ' |
    grep -oE '`[a-z-]+\.md`(( sections?)?,? [0-9]+(\.[0-9]+)?((–|, | and |, and )[0-9]+(\.[0-9]+)?)*)?' |
    awk -v file="$file" '{ match($0, /`[a-z-]+\.md`/); article = substr($0, 2, RLENGTH - 2); rest = substr($0, RLENGTH + 1)
      any = 0
      while (match(rest, /[0-9]+(\.[0-9]+)?/)) { print article, substr(rest, RSTART, RLENGTH), file; rest = substr(rest, RSTART + RLENGTH); any = 1 }
      if (!any) print article, "-", file }' || true
done | sort -u)

for article in $(echo "$citations" | cut -d' ' -f1 | sort -u); do
  if [ ! -f "$articles/$article" ]; then
    echo "$citations" | sed -n "s#^$article [^ ]* \(.*\)#\1 cites $article, which is no article of $articles#p" >&2
    failed=1
    continue
  fi
  known=$(sections "$articles/$article")
  for number in $(echo "$citations" | sed -n "s#^$article \([0-9.]*\) .*#\1#p" | sort -u); do
    checked=$((checked + 1))
    echo "$known" | grep -qxF "$number" && continue
    echo "$citations" | sed -n "s#^$article $number \(.*\)#\1 cites $article $number, which is no section of it#p" >&2
    failed=1
  done
done
[ "$failed" -eq 0 ] || exit 1
echo "citations: $checked sections cited, all there"
