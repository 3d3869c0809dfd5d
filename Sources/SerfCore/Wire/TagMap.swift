import SerfPrimitives
import SerfWire

/// A member's tags as they are in its meta or in a conflict response (`serf.md` section 4).
///
/// Since protocol 3 the meta is `ff` and a map of strings. Any other meta, including an empty one, is the value of the tag `role`.
package struct TagMap: ~Escapable {
  /// One tag.
  package struct Tag: ~Escapable {
    package let name: RawSpan
    package let value: RawSpan

    @_lifetime(copy name, copy value)
    init(name: RawSpan, value: RawSpan) {
      self.name = name
      self.value = value
    }
  }

  /// The byte that tells a map of tags from a bare role.
  package static let magic: UInt8 = 0xff
  /// The longest meta that memberlist takes.
  package static let maximumLength = 512

  private var reader: MessagePackReader
  /// Tags that have not been given out.
  package private(set) var count: Int

  /// No tags.
  @_lifetime(immortal)
  package init() {
    reader = MessagePackReader(RawSpan())
    count = 0
  }

  /// Reads a map or nil and moves `reader` past it.
  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  init(_ reader: inout MessagePackReader) throws(WireError) {
    count = try reader.readMapHeader()
    self.reader = MessagePackReader(reader.rest)
    for _ in 0..<count {
      _ = try reader.readString()
      _ = try reader.readString()
    }
  }

  /// The next tag, nil after the last.
  @_lifetime(copy self) @_lifetime(self: copy self)
  package mutating func next() -> Tag? {
    guard count > 0 else { return nil }
    count -= 1
    do throws(WireError) {
      let name = try reader.readString()
      return Tag(name: name, value: try reader.readString())
    } catch { return nil }
  }
}

// MARK: - Meta

extension TagMap {
  /// The tags in a member's meta, also of a nil or empty one. ``readableText(of:)`` turns the bytes into text.
  /// - Returns: the tags, and whether the meta was sound; if it breaks off, the tags before the break.
  package static func decode(meta: RawSpan?) -> (tags: [String: String], isSound: Bool) {
    guard let meta, !meta.isEmpty else { return (["role": ""], true) }
    guard meta[checked: 0] == magic else { return (["role": readableText(of: [UInt8](copying: meta))], true) }
    var reader = MessagePackReader(meta, at: 1)
    var tags: [String: String] = [:]
    do throws(WireError) {
      let count = try reader.readMapHeader()
      for _ in 0..<count {
        let name = readableText(of: [UInt8](copying: try reader.readString()))
        tags[name] = readableText(of: [UInt8](copying: try reader.readString()))
      }
      return (tags, true)
    } catch {
      return (tags, false)
    }
  }

  /// The meta for these tags; it may be longer than ``maximumLength``, and then the caller must refuse it.
  package static func encode(meta tags: [String: String]) -> [UInt8] {
    var writer = MessagePackWriter()
    writer.raw(magic)
    encode(tags, &writer)
    return writer.finish()
  }

  /// Appends the map, its keys in byte order so that the same tags give the same bytes.
  static func encode(_ tags: [String: String], _ writer: inout MessagePackWriter) {
    writer.map(tags.count)
    for (name, value) in tags.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      writer.string(name)
      writer.string(value)
    }
  }
}
