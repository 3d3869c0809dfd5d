import SerfClient
import SerfCommand
import SerfPrimitives
import Testing

@Suite("output of the verbs")
struct OutputTests {
  private let members = [
    AgentMember(name: "n3", address: NodeAddress(parsing: "[::1]:7946", defaultPort: 0), tags: ["b": "2", "a": "1"], status: "failed"),
    AgentMember(name: "node-10", address: NodeAddress(ipv4: 127, 0, 0, 1, port: 47941), status: "alive"),
  ]

  @Test("members in columns, sorted by name; the last column is not padded, the whole text is trimmed")
  func text() {
    #expect(MemberListing(members).text(isDetailed: false) == "n3       [::1]:7946       failed  a=1,b=2\nnode-10  127.0.0.1:47941  alive")
    #expect(
      MemberListing([members[0]]).text(isDetailed: true)
        == "n3  [::1]:7946  failed  a=1,b=2  Protocol Version: 5  Available Protocol Range: [2, 5]")
    #expect(
      MemberListing(members.map { AgentMember(name: $0.name, address: $0.address, status: "alive") }).text(isDetailed: false)
        == "n3       [::1]:7946       alive  \nnode-10  127.0.0.1:47941  alive")
    #expect(MemberListing([]).text(isDetailed: false) == "")
  }

  @Test("members as JSON, laid out as Go does")
  func json() {
    #expect(MemberListing([]).json.text == "{\n  \"members\": null\n}")
    let text = """
      {
        "members": [
          {
            "name": "n3",
            "addr": "[::1]:7946",
            "port": 7946,
            "tags": {
              "a": "1",
              "b": "2"
            },
            "status": "failed",
            "protocol": {
              "max": 5,
              "min": 2,
              "version": 5
            }
          }
        ]
      }
      """
    #expect(MemberListing([members[0]]).json.text == text)
  }

  @Test(
    "strings in JSON are escaped as Go does, and so is what could fool a terminal",
    arguments: [
      ("a\"b\\c", #""a\"b\\c""#), ("<&>", #""\u003c\u0026\u003e""#), ("\n\r\t", #""\n\r\t""#),
      ("\u{8}\u{c}\u{1b}", #""\u0008\u000c\u001b""#),
      ("\u{2028}\u{202e}\u{7f}", #""\u2028\u202e\u007f""#), ("ü🌍/", "\"ü🌍/\""),
    ])
  func escaping(text: String, json: String) {
    #expect(OrderedJSON.string(text).text == json)
  }

  @Test("empty containers stay on one line")
  func empty() {
    #expect(OrderedJSON.object([("a", .map([:])), ("b", .array([]))]).text == "{\n  \"a\": {},\n  \"b\": []\n}")
  }

  @Test("control characters and broken UTF-8 of a peer are escaped in text")
  func hostile() {
    let member = AgentMember(
      name: NodeName(bytes: [0x61, 0x1b, 0x5b, 0xff]), address: nil, tags: ["k\n": "v\u{202e}"], status: "alive\u{7}")
    #expect(MemberListing([member]).text(isDetailed: false) == #"a\u{1b}[\xff  unknown  alive\u{7}  k\u{a}=v\u{202e}"#)
    #expect(MemberListing([member]).json.text.contains(#""name": "a\\u{1b}[\\xff""#))
  }

  @Test(
    "Go string literals",
    arguments: [
      (Array("plain ü".utf8), #""plain ü""#), ([0x22, 0x5c, 0x0a, 0x07], #""\"\\\n\a""#),
      ([0x00, 0x1b, 0x7f, 0xff], #""\x00\x1b\x7f\xff""#),
      (Array("\u{202e}".utf8), #""\u202e""#),
    ] as [([UInt8], String)])
  func goLiterals(bytes: [UInt8], literal: String) {
    #expect(GoSyntax.quoted(bytes) == literal)
  }
}

@Suite("the estimate of a round trip")
struct RoundTripEstimateTests {
  @Test(
    "is in milliseconds with three digits, and in whole nanoseconds as JSON",
    arguments: [(0.0, "0.020", 20_000), (0.000_000_4, "0.020", 20_400), (0.000_256, "0.276", 276_000), (0.034_980_6, "35.001", 35_000_600)])
  func text(distance: Double, milliseconds: String, nanoseconds: Int) throws {
    var vector = InlineArray<8, Double>(repeating: 0)
    vector[3] = distance
    let other = try #require(NodeCoordinate(vector: vector, height: 1e-5, adjustment: 0, error: 1))
    let estimate = RoundTripEstimate(("n2", .origin), ("n\n1", other))
    #expect(estimate.text == "Estimated n2 <-> n\\u{a}1 rtt: \(milliseconds) ms")
    #expect(estimate.json.text == "{\n  \"from\": \"n2\",\n  \"to\": \"n\\n1\",\n  \"rtt_ns\": \(nanoseconds)\n}")
  }
}
