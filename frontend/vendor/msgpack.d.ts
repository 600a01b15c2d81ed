export { decode, decodeAsync, decodeMulti, Decoder, DecodeError, encode, Encoder, ExtData, ExtensionCodec } from "@msgpack/msgpack";
