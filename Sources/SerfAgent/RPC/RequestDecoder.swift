package import SerfClient
import SerfWire

package import struct NIOCore.ByteBuffer
package import protocol NIOCore.NIOSingleStepByteToMessageDecoder

/// One request as it was received: its header, and its body if the command has one.
package struct RPCRequest: Sendable {
  package let header: RequestHeader
  /// Nil if we do not know the command; then it is also unknown where the next request begins.
  package let command: RPCCommand?
  package let body: ByteBuffer
}

/// Cuts the byte stream of a client into requests. A body is always taken with its header, even when the request will be refused, so that client and
/// agent stay in step after a refused request.
package struct RequestDecoder: NIOSingleStepByteToMessageDecoder {
  package typealias InboundOut = RPCRequest

  private var objects = ObjectDecoder(maximumLength: RPCLimit.request)
  private var header: (RequestHeader, RPCCommand)?

  package init() {}

  package mutating func decode(buffer: inout ByteBuffer) throws -> RPCRequest? {
    while let object = try objects.decode(buffer: &buffer) {
      if let (header, command) = header {
        self.header = nil
        return RPCRequest(header: header, command: command, body: object)
      }
      let header = try RequestHeader(decoding: object.readableBytesSpan)
      let command = RPCCommand(rawValue: header.command)
      guard let command, command.hasRequestBody else {
        return RPCRequest(header: header, command: command, body: ByteBuffer())
      }
      self.header = (header, command)
    }
    return nil
  }

  package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> RPCRequest? {
    try decode(buffer: &buffer)
  }
}
