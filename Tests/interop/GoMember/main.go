// GoMember is one member of a Serf cluster, made of HashiCorp's library as Debian packages it. Its flags set what their agent has no flags for: the
// switches with which a running cluster gets its first key.
//
// It reports what happens on standard output, one JSON object per line; the library's log goes to standard error. It takes commands on standard
// input, one per line: "event NAME", "members", "leave". The end of its input ends it.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// report is one line of the output; Kind says which of the others mean something.
type report struct {
	Kind  string   `json:"kind"`
	Name  string   `json:"name,omitempty"`
	Names []string `json:"names,omitempty"`
	Error string   `json:"error,omitempty"`
}

// output writes reports of several goroutines, each whole.
type output struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func (o *output) say(r report) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.encoder.Encode(r) != nil {
		os.Exit(1) // The reader is gone.
	}
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func main() {
	var contacts list
	name := flag.String("node", "", "name of the member")
	bind := flag.String("bind", "127.0.0.1:7946", "IP:port to listen on")
	key := flag.String("key", "", "base64 of the key; empty for none")
	incoming := flag.Bool("verify-incoming", true, "refuse what is not encrypted")
	outgoing := flag.Bool("verify-outgoing", true, "encrypt what is sent")
	flag.Var(&contacts, "join", "IP:port of a member to join; may be repeated")
	flag.Parse()
	out := &output{encoder: json.NewEncoder(os.Stdout)}
	if err := run(*name, *bind, *key, *incoming, *outgoing, contacts, out); err != nil {
		out.say(report{Kind: "failure", Error: err.Error()})
		os.Exit(1)
	}
}

func run(name, bind, key string, incoming, outgoing bool, contacts list, out *output) error {
	config, err := configuration(name, bind, key, incoming, outgoing)
	if err != nil {
		return err
	}
	events := make(chan serf.Event, 4096)
	config.EventCh = events
	member, err := serf.Create(config)
	if err != nil {
		return err
	}
	go tell(events, out)
	if len(contacts) > 0 {
		// Events from before the join are wanted too: the member may have missed some while it was restarted.
		if _, err := member.Join(contacts, false); err != nil {
			return err
		}
	}
	out.say(report{Kind: "ready"})
	return obey(member, out)
}

func configuration(name, bind, key string, incoming, outgoing bool) (*serf.Config, error) {
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return nil, err
	}
	config := serf.DefaultConfig()
	config.Init()
	config.NodeName = name
	config.LogOutput = os.Stderr
	gossip := memberlist.DefaultLANConfig()
	gossip.BindAddr, gossip.BindPort = host, number
	gossip.AdvertiseAddr, gossip.AdvertisePort = host, number
	gossip.SecretKey = secret
	gossip.GossipVerifyIncoming, gossip.GossipVerifyOutgoing = incoming, outgoing
	gossip.LogOutput = os.Stderr
	config.MemberlistConfig = gossip
	return config, nil
}

// tell reports events as they arrive.
func tell(events <-chan serf.Event, out *output) {
	for event := range events {
		switch event := event.(type) {
		case serf.UserEvent:
			out.say(report{Kind: "user", Name: event.Name})
		case serf.MemberEvent:
			var names []string
			for _, member := range event.Members {
				names = append(names, member.Name)
			}
			out.say(report{Kind: event.EventType().String(), Names: names})
		}
	}
}

// obey carries out commands until there are no more, or one of them is to leave.
func obey(member *serf.Serf, out *output) error {
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		words := strings.Fields(commands.Text())
		switch {
		case len(words) == 2 && words[0] == "event":
			if err := member.UserEvent(words[1], nil, false); err != nil {
				return err
			}
			out.say(report{Kind: "sent", Name: words[1]})
		case len(words) == 1 && words[0] == "members":
			alive := []string{}
			for _, other := range member.Members() {
				if other.Status == serf.StatusAlive {
					alive = append(alive, other.Name)
				}
			}
			out.say(report{Kind: "members", Names: alive})
		case len(words) == 1 && words[0] == "leave":
			if err := member.Leave(); err != nil {
				return err
			}
			if err := member.Shutdown(); err != nil {
				return err
			}
			out.say(report{Kind: "left"})
			return nil
		default:
			return fmt.Errorf("no command: %q", commands.Text())
		}
	}
	if err := commands.Err(); err != nil {
		return err
	}
	return member.Shutdown()
}
