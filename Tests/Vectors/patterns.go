// Makes patterns.json: random patterns and texts, and whether Go's regexp finds the one in the other; random texts, and whether Go's regexp takes them for
// patterns. Run it with Debian's golang-go:
//
//	go run Tests/Vectors/patterns.go > Tests/Vectors/patterns.json
package main

import (
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// A pattern of at most this depth, from the syntax that our matcher documents.
func pattern(random *rand.Rand, depth int) string {
	pick := func(choices ...string) string { return choices[random.Intn(len(choices))] }
	atom := func() string {
		return pick("a", "b", "c", "1", "-", ".", `\d`, `\w`, `\s`, `\D`, `\W`, `\S`, "[a-b]", "[^a]", "[b-c1]", `[\d-]`, "[[:alpha:]]",
			"[[:^digit:]_]", "é", `\.`, `\x61`, `\x{20ac}`, `\Qa.\E`, "^", "$", `\b`, `\B`, `\A`, `\z`)
	}
	if depth == 0 {
		return atom()
	}
	switch random.Intn(9) {
	case 0, 1, 2:
		return pattern(random, depth-1) + pattern(random, depth-1)
	case 3:
		return pattern(random, depth-1) + "|" + pattern(random, depth-1)
	case 4:
		return pick("(", "(?:", "(?i:", "(?s:", "(?m:", "(?i)(?:", "(?P<n>") + pattern(random, depth-1) + ")"
	case 5, 6:
		return "(?:" + pattern(random, depth-1) + ")" + pick("*", "+", "?", "{2}", "{1,2}", "{2,}", "{0}", "*?", "+?", "??")
	case 7:
		return "^" + pattern(random, depth-1) + "$"
	default:
		return atom()
	}
}

func text(random *rand.Rand) string {
	var text strings.Builder
	for range make([]struct{}, random.Intn(9)) {
		text.WriteString([]string{"a", "a", "b", "c", "A", "B", "1", "-", ".", "_", " ", "\n", "é", "É", "€"}[random.Intn(15)])
	}
	return text.String()
}

func main() {
	random := rand.New(rand.NewSource(1))
	var lines []string
	for matching, others := 0, 0; matching+others < 2000; {
		pattern, text := pattern(random, 1+random.Intn(4)), text(random)
		matches := regexp.MustCompile(pattern).MatchString(text)
		// As many of either kind, or most would not match.
		if matches && matching == 1000 || !matches && others == 1000 {
			continue
		}
		if matches {
			matching++
		} else {
			others++
		}
		lines = append(lines, fmt.Sprintf("    [%s, %s, %v]", strconv.QuoteToASCII(pattern), strconv.QuoteToASCII(text), matches))
	}
	var candidates []string
	for len(candidates) < 1000 {
		alphabet := []rune(`ab|*+?(){}[]^$.\d-,12:ixQEwz<>P=`)
		candidate := make([]rune, 1+random.Intn(7))
		for index := range candidate {
			candidate[index] = alphabet[random.Intn(len(alphabet))]
		}
		_, err := regexp.Compile(string(candidate))
		candidates = append(candidates, fmt.Sprintf("    [%s, %v]", strconv.QuoteToASCII(string(candidate)), err == nil))
	}
	fmt.Fprintf(os.Stdout, "{\n  \"made with\": %q,\n  \"pairs\": [\n%s\n  ],\n  \"candidates\": [\n%s\n  ]\n}\n", runtime.Version(),
		strings.Join(lines, ",\n"), strings.Join(candidates, ",\n"))
}
