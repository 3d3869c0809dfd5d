// What `import Serf` brings besides the types of this module: what a service names, and nothing else, so that its own `Event`, `Member` or `Peer`
// stays unambiguous. `import SerfTransport` brings what a transport or a tool for certificates names besides.
@_exported public import struct SerfCore.MemberEvent
@_exported public import enum SerfCore.MemberStatus
@_exported public import enum SerfCore.NodeStatus
@_exported public import struct SerfCore.QueryAnswer
@_exported public import struct SerfCore.QuerySummary
@_exported public import enum SerfCore.SerfEvent
@_exported public import struct SerfCore.SerfMember
@_exported public import struct SerfCore.SerfQuery
@_exported public import struct SerfCore.UserEvent
@_exported public import struct SerfIdentity.CertificateAuthority
@_exported public import class SerfIdentity.Credentials
@_exported public import struct SerfPrimitives.AllowedNetworks
@_exported public import struct SerfPrimitives.CIDRBlock
@_exported public import struct SerfPrimitives.JoinAttempt
@_exported public import struct SerfPrimitives.NodeAddress
@_exported public import struct SerfPrimitives.NodeCoordinate
@_exported public import struct SerfPrimitives.NodeName
@_exported public import struct SerfPrimitives.SerfError
@_exported public import enum SerfPrimitives.SerfSettings
@_exported public import class SerfTransport.Keyring
@_exported public import struct SerfTransport.NetTransport
@_exported public import struct SerfTransport.SecretKey

#if QUIC
  @_exported public import struct SerfTransport.QuicTransport
#endif
#if TLS
  @_exported public import struct SerfTransport.TLSTransport
#endif
