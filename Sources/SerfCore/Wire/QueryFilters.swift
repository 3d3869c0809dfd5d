package import SerfPrimitives
package import SerfWire

/// Which members our query asks; all filters must match (`serf.md` section 3).
package enum QueryFilter: Hashable, Sendable {
  /// Members with these names.
  case nodes([NodeName])
  /// Members whose tag matches the regular expression, where an absent tag counts as empty.
  case tag(name: [UInt8], expression: [UInt8])

  /// The filters as the one MessagePack value that ``QueryMessage/filters`` takes; no bytes for no filters.
  package static func encode(_ filters: [QueryFilter]) -> [UInt8] {
    guard !filters.isEmpty else { return [] }
    var list = MessagePackWriter()
    list.array(filters.count)
    for filter in filters { list.binary(filter.encoded) }
    return list.finish()
  }

  /// The type byte and the body.
  package var encoded: [UInt8] {
    var writer = MessagePackWriter()
    switch self {
    case .nodes(let names):
      writer.raw(QueryFilterView.nodesType)
      writer.array(names.count)
      for name in names { writer.string(name.bytes) }
    case .tag(let name, let expression):
      writer.raw(QueryFilterView.tagType)
      writer.map(2)
      writer.field("Expr", string: expression.span.bytes)
      writer.field("Tag", string: name.span.bytes)
    }
    return writer.finish()
  }
}

/// Walks the filters of a received query: `while let filter = try list.next() { … QueryFilterView(decoding: filter) … }`.
package struct QueryFilterList: ~Escapable {
  private var reader: MessagePackReader
  /// Filters that have not been given out.
  package private(set) var left: Int

  /// Begins at the first filter of ``QueryMessage/filters``.
  @_lifetime(copy filters)
  package init(_ filters: RawSpan) throws(WireError) {
    reader = MessagePackReader(filters)
    left = filters.isEmpty ? 0 : try reader.readArrayHeader()
  }

  /// The bytes of the next filter, nil after the last. A nil filter is an empty one, which matches no member.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func next() throws(WireError) -> RawSpan? {
    guard left > 0 else { return nil }
    left -= 1
    return try reader.readString()
  }

  /// Skips a list of filters, whose elements must be byte strings.
  @_lifetime(reader: copy reader)
  static func validate(_ reader: inout MessagePackReader) throws(WireError) {
    for _ in 0..<(try reader.readArrayHeader()) { _ = try reader.readBytes() }
  }
}

/// One filter of a received query.
package struct QueryFilterView: ~Escapable {
  package enum Kind: Hashable, Sendable {
    /// ``names`` tells which members are asked.
    case nodes
    /// ``tag`` and ``expression`` tell which members are asked.
    case tag
  }

  static let nodesType: UInt8 = 0
  static let tagType: UInt8 = 1

  package let kind: Kind
  /// The names that are asked.
  package private(set) var names: StringList
  /// The tag's name.
  package private(set) var tag: RawSpan
  /// The regular expression for its value.
  package private(set) var expression: RawSpan

  /// Decodes a type byte and a body. No bytes, an unknown type and a bad body throw: such a filter matches no member.
  @_lifetime(copy filter)
  package init(decoding filter: RawSpan) throws(WireError) {
    var reader = MessagePackReader(filter)
    names = StringList()
    tag = RawSpan()
    expression = RawSpan()
    switch try reader.byte() {
    case Self.nodesType:
      kind = .nodes
      names = try StringList(&reader)
    case Self.tagType:
      kind = .tag
      var fields = try reader.readStruct()
      while let key = try reader.nextField(&fields, declared: "Tag Expr") {
        if key.equals("Expr") {
          expression = try reader.readString()
        } else if key.equals("Tag") {
          tag = try reader.readString()
        } else {
          try reader.skip()
        }
      }
    default:
      throw .unexpectedType
    }
  }
}
