// The door of the protocol layer: Kafka's messages, records and frames as functions over bytes. Whatever is not named
// here is the layer's own business.

export { apiByKey, apis } from './apis.ts'
export type { AnyApi, Api, ApiName, EncodableRequestOf, EncodableResponseOf, RequestOf, ResponseOf } from './apis.ts'
export { unknownTags, type UnknownTag } from './codec_closure.ts'
export { compile, type Codec, type CompileOptions, type DecodeOptions } from './compile.ts'
export { decodedBytesMaxDefault } from './decoded_size.ts'
export { decodeFrame } from './decode_frame.ts'
export type {
  FrameHints,
  FrameReport,
  KnownRequest,
  RequestReport,
  ResponseReport,
  UnreadableReport
} from './decode_frame.ts'
export { explain } from './explain.ts'
export {
  answeredVersion,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  FrameSplitter,
  readCorrelationId,
  readRequestPrefix
} from './framing.ts'
export type { DecodedRequest, FrameSplitterOptions, RequestFrame, RequestPrefix, ResponseFrame } from './framing.ts'
export { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from './messages/consumer_protocol.ts'
export { TransactionLogKey, TransactionLogValue, transactionStatuses } from './messages/transaction_log.ts'
export { ProtocolError, type ProtocolErrorCode, type ProtocolErrorDetails } from './protocol_error.ts'
export { Reader } from './reader.ts'
export { zeroUuid, type Decoded, type Encodable, type Message, type Uuid } from './schema.ts'
export { decodeVersioned, encodeVersioned } from './versioned.ts'
export { Writer } from './writer.ts'
export * from './compression/index.ts'
export * from './control_record.ts'
export * from './crc32c.ts'
export * from './errors.ts'
export * from './murmur2.ts'
export * from './record_batch.ts'
export * from './record_batch_writer.ts'
