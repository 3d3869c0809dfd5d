import SerfClient
import SerfWire

/// The MessagePack objects in `bytes`.
package func objects(_ bytes: [UInt8]) throws -> [[UInt8]] {
  var scanner = ObjectScanner(maximumLength: 1 << 24)
  var offset = 0
  var objects: [[UInt8]] = []
  while offset < bytes.count, let length = try scanner.scan(bytes.span.bytes.extracting(droppingFirst: offset)) {
    objects.append(Array(bytes[offset..<offset + length]))
    offset += length
  }
  return objects
}

/// The objects in `bytes`, each ``sorted(_:)``.
package func sortedObjects(_ bytes: [UInt8]) throws -> [[UInt8]] { try objects(bytes).map(sorted) }

/// `object` with the entries of every map in the byte order of their keys: Go writes maps such as tags in a random order.
package func sorted(_ object: [UInt8]) throws -> [UInt8] {
  var reader = MessagePackReader(object.span.bytes)
  return try sorted(&reader, object)
}

private func sorted(_ reader: inout MessagePackReader, _ object: [UInt8]) throws -> [UInt8] {
  let start = reader.offset
  switch try reader.peekKind() {
  case .map:
    let count = try reader.readMapHeader()
    var result = Array(object[start..<reader.offset])
    let entries = try (0..<count).map { _ in (try sorted(&reader, object), try sorted(&reader, object)) }
    // Short text has its length in its first byte, which must not count.
    for (key, value) in entries.sorted(by: { $0.0.dropFirst().lexicographicallyPrecedes($1.0.dropFirst()) }) { result += key + value }
    return result
  case .array:
    let count = try reader.readArrayHeader()
    var result = Array(object[start..<reader.offset])
    for _ in 0..<count { result += try sorted(&reader, object) }
    return result
  default:
    try reader.skip()
    return Array(object[start..<reader.offset])
  }
}
