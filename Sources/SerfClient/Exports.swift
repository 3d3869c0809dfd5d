// What `import SerfClient` brings besides the types of this module.
@_exported public import struct SerfPrimitives.NodeAddress
@_exported public import struct SerfPrimitives.NodeCoordinate
@_exported public import struct SerfPrimitives.NodeName
