// Writes frames of requests and responses with Kafka's own generated classes. The values are drawn by chance from a fixed
// seed per message and version, over every field that the version has; what it lacks stays at Java's default.
//   MessageVectors all N           N frames of every message of a broker's APIs in every version
//   MessageVectors client          two frames of the first, middle, first flexible and last version of a client's APIs,
//                                 which is what test/protocol/vectors/messages.jsonl holds
// A line of output is one frame as JSON: api, kind, version, header, body, unknownTags, and the bytes in hexadecimal.
// In a body an int64 is decimal text, bytes and records are hexadecimal text, a uuid is Kafka's text for it.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.network.Send;
import org.apache.kafka.common.network.TransferableChannel;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.SendBuilder;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.ResponseHeader;

public class MessageVectors {
    static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    static final Set<String> CLIENT_APIS = Set.of(
        "Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "FindCoordinator", "JoinGroup",
        "Heartbeat", "LeaveGroup", "SyncGroup", "SaslHandshake", "SaslAuthenticate", "ApiVersions", "CreateTopics",
        "DeleteTopics", "InitProducerId", "OffsetForLeaderEpoch", "AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn",
        "TxnOffsetCommit", "DescribeCluster", "DescribeProducers", "DescribeTransactions", "ListTransactions",
        "ConsumerGroupHeartbeat");
    static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] args) throws Exception {
        boolean all = args[0].equals("all");
        int count = all ? Integer.parseInt(args[1]) : 2;
        for (ApiMessageType api : ApiMessageType.values()) {
            if (!api.listeners().contains(ApiMessageType.ListenerType.BROKER)) continue;
            if (!all && !CLIENT_APIS.contains(api.name)) continue;
            for (int version : all ? allVersions(api) : someVersions(api)) {
                for (int i = 0; i < count; i++) {
                    request(api, (short) version, i);
                    response(api, (short) version, i);
                }
            }
        }
        for (short version = 0; version <= 3; version++) {
            embedded("ConsumerProtocolSubscription", new ConsumerProtocolSubscription(),
                ConsumerProtocolSubscription.SCHEMAS[version], version);
            embedded("ConsumerProtocolAssignment", new ConsumerProtocolAssignment(),
                ConsumerProtocolAssignment.SCHEMAS[version], version);
        }
        OUT.flush();
    }

    static Collection<Integer> allVersions(ApiMessageType api) {
        List<Integer> versions = new ArrayList<>();
        for (int v = api.lowestSupportedVersion(); v <= api.highestSupportedVersion(true); v++) versions.add(v);
        return versions;
    }

    static Collection<Integer> someVersions(ApiMessageType api) {
        int first = api.lowestSupportedVersion();
        int last = api.highestSupportedVersion(true);
        Set<Integer> versions = new TreeSet<>(List.of(first, (first + last + 1) / 2));
        versions.add(last);
        for (int v = last; v >= first; v--) {
            if (api.requestHeaderVersion((short) v) < 2) break;
            if (v == first || api.requestHeaderVersion((short) (v - 1)) < 2) versions.add(v);
        }
        return versions;
    }

    /** Neighbouring seeds would begin alike, so they are spread. */
    static Random random(long what, int version, int number, int kind) {
        return new Random((((what * 100 + version) * 1000 + number) * 3 + kind) * 0x9E3779B97F4A7C15L);
    }

    static void request(ApiMessageType api, short version, int number) throws Exception {
        Random random = random(api.apiKey(), version, number, 0);
        ApiMessage body = api.newRequest();
        fill(body, api.requestSchemas()[version], random);
        String clientId = number == 0 ? "kafka-once" : number == 1 ? null : "";
        int correlationId = random.nextInt();
        RequestHeader header = new RequestHeader(ApiKeys.forId(api.apiKey()), version, clientId, correlationId);
        ObjectNode line = line(api.name, "request", version, body, number == 1 && header.headerVersion() > 1);
        line.put("correlationId", correlationId).put("clientId", clientId);
        print(line, bytes(SendBuilder.buildRequestSend(header, body)));
    }

    static void response(ApiMessageType api, short version, int number) throws Exception {
        Random random = random(api.apiKey(), version, number, 1);
        ApiMessage body = api.newResponse();
        fill(body, api.responseSchemas()[version], random);
        int correlationId = random.nextInt();
        ResponseHeader header = new ResponseHeader(correlationId, api.responseHeaderVersion(version));
        ObjectNode line = line(api.name, "response", version, body, number == 1 && api.requestHeaderVersion(version) > 1);
        line.put("correlationId", correlationId);
        print(line, bytes(SendBuilder.buildResponseSend(header, body, version)));
    }

    static void embedded(String name, ApiMessage body, Schema schema, short version) throws Exception {
        fill(body, schema, random(name.length(), version, 0, 2));
        ObjectNode line = line(name, "embedded", version, body, false);
        ByteBuffer buffer = MessageUtil.toVersionPrefixedByteBuffer(version, body);
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        print(line, bytes);
    }

    static ObjectNode line(String api, String kind, short version, ApiMessage body, boolean unknownTags) throws Exception {
        ObjectNode line = JSON.objectNode().put("api", api).put("kind", kind).put("version", version);
        line.set("body", json(body));
        if (unknownTags) {
            byte[] shortBytes = {1, 2, 3};
            byte[] longBytes = new byte[200];
            body.unknownTaggedFields().add(new RawTaggedField(1_000, shortBytes));
            body.unknownTaggedFields().add(new RawTaggedField(70_000, longBytes));
            ArrayNode tags = line.putArray("unknownTags");
            tags.addArray().add(1_000).add(HexFormat.of().formatHex(shortBytes));
            tags.addArray().add(70_000).add(HexFormat.of().formatHex(longBytes));
        }
        return line;
    }

    static void print(ObjectNode line, byte[] bytes) {
        OUT.println(line.put("bytes", HexFormat.of().formatHex(bytes)));
    }

    static byte[] bytes(Send send) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (!send.completed()) send.writeTo(new Sink(out));
        return out.toByteArray();
    }

    /** Sets every field that the schema has, but for some that keep their default. */
    static void fill(Object struct, Schema schema, Random random) throws Exception {
        Map<String, Type> types = new HashMap<>();
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                TaggedFields tagged = (TaggedFields) field.def.type;
                tagged.fields().values().forEach(one -> types.put(plainName(one.name), one.type));
            } else {
                types.put(plainName(field.def.name), field.def.type);
            }
        }
        for (Field field : dataFields(struct.getClass())) {
            Type type = types.remove(plainName(field.getName()));
            if (type == null) continue;
            boolean mayStay = field.get(struct) != null || isNullable(type);
            if (mayStay && random.nextInt(6) == 0) continue;
            field.set(struct, value(field.getType(), field, type, random));
        }
        types.remove("_taggedfields");
        types.remove("taggedfields");
        if (!types.isEmpty()) throw new IllegalStateException("No Java field for " + types.keySet());
    }

    static Object value(Class<?> javaType, Field field, Type type, Random random) throws Exception {
        if (isNullable(type) && random.nextInt(5) == 0) return null;
        if (Collection.class.isAssignableFrom(javaType)) return list(javaType, field, type, random);
        if (Message.class.isAssignableFrom(javaType)) return struct(javaType, (Schema) type, random);
        if (javaType == boolean.class || javaType == Boolean.class) return random.nextBoolean();
        if (javaType == byte.class || javaType == Byte.class) return (byte) number(random, 8, false);
        if (javaType == short.class || javaType == Short.class) return (short) number(random, 16, false);
        if (javaType == int.class || javaType == Integer.class) {
            return type == Type.UINT16 ? (int) number(random, 16, true) : (int) number(random, 32, false);
        }
        if (javaType == long.class || javaType == Long.class) {
            return type == Type.UNSIGNED_INT32 ? number(random, 32, true) : number(random, 64, false);
        }
        if (javaType == double.class) return random.nextGaussian() * Math.pow(10, random.nextInt(20));
        if (javaType == String.class) return text(random);
        if (javaType == Uuid.class) return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        if (javaType == byte[].class) return content(random);
        if (javaType == ByteBuffer.class) return ByteBuffer.wrap(content(random));
        if (javaType.getSimpleName().equals("BaseRecords")) return MemoryRecords.readableRecords(ByteBuffer.wrap(content(random)));
        throw new IllegalStateException(javaType + " is not expected");
    }

    /** Records say that they are nullable where the message does not allow it. */
    static boolean isNullable(Type type) {
        return type.isNullable() && type != Type.RECORDS && type != Type.COMPACT_RECORDS;
    }

    @SuppressWarnings("unchecked")
    static Object list(Class<?> javaType, Field field, Type type, Random random) throws Exception {
        boolean plain = javaType == List.class;
        java.lang.reflect.Type generic = plain ? field.getGenericType() : javaType.getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        Collection<Object> values = plain ? new ArrayList<>() : (Collection<Object>) javaType.getConstructor().newInstance();
        Type elementType = type.arrayElementType().get();
        boolean small = !Message.class.isAssignableFrom(element) && element != String.class;
        int count = small && random.nextInt(40) == 0 ? 130 : random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(2);
        for (int i = 0; i < count; i++) values.add(value(element, field, elementType, random));
        return values;
    }

    static Object struct(Class<?> javaType, Schema schema, Random random) throws Exception {
        Object struct = javaType.getConstructor().newInstance();
        fill(struct, schema, random);
        return struct;
    }

    static long number(Random random, int bits, boolean unsigned) {
        long max = unsigned ? (1L << bits) - 1 : bits == 64 ? Long.MAX_VALUE : (1L << (bits - 1)) - 1;
        long min = unsigned ? 0 : -max - 1;
        switch (random.nextInt(6)) {
            case 0: return max;
            case 1: return min;
            case 2: return unsigned ? 1 : -1;
            case 3: return random.nextInt(100);
            default: return unsigned ? random.nextLong() & max : random.nextLong() >> (64 - bits);
        }
    }

    static String text(Random random) {
        switch (random.nextInt(12)) {
            case 0: return "";
            case 1: return "x".repeat(130);
            case 2: return "Stra\u00dfe \u20ac \ud83d\ude00 \ufeff";
            default: return "name-" + random.nextInt(1000);
        }
    }

    static byte[] content(Random random) {
        byte[] bytes = new byte[random.nextInt(8) == 0 ? 140 : random.nextInt(8)];
        random.nextBytes(bytes);
        return bytes;
    }

    static String plainName(String name) {
        return name.replace("_", "").toLowerCase();
    }

    static List<Field> dataFields(Class<?> type) {
        List<Field> fields = new ArrayList<>();
        for (Field field : type.getDeclaredFields()) {
            String name = field.getName();
            if (Modifier.isStatic(field.getModifiers()) || name.startsWith("_")) continue;
            if (name.equals("next") || name.equals("prev")) continue;
            field.setAccessible(true);
            fields.add(field);
        }
        return fields;
    }

    static JsonNode json(Object value) throws Exception {
        if (value == null) return JSON.nullNode();
        if (value instanceof Boolean) return JSON.booleanNode((Boolean) value);
        if (value instanceof Long) return JSON.textNode(value.toString());
        if (value instanceof Double) return JSON.numberNode((Double) value);
        if (value instanceof Number) return JSON.numberNode(((Number) value).intValue());
        if (value instanceof String || value instanceof Uuid) return JSON.textNode(value.toString());
        if (value instanceof byte[]) return JSON.textNode(HexFormat.of().formatHex((byte[]) value));
        if (value instanceof ByteBuffer) return hex((ByteBuffer) value);
        if (value instanceof MemoryRecords) return hex(((MemoryRecords) value).buffer());
        if (value instanceof Collection) {
            ArrayNode array = JSON.arrayNode();
            for (Object element : (Collection<?>) value) array.add(json(element));
            return array;
        }
        ObjectNode object = JSON.objectNode();
        for (Field field : dataFields(value.getClass())) object.set(field.getName(), json(field.get(value)));
        return object;
    }

    static JsonNode hex(ByteBuffer buffer) {
        ByteBuffer copy = buffer.duplicate();
        byte[] bytes = new byte[copy.remaining()];
        copy.get(bytes);
        return JSON.textNode(HexFormat.of().formatHex(bytes));
    }

    /** Collects what is sent. */
    static class Sink implements TransferableChannel {
        final ByteArrayOutputStream out;

        Sink(ByteArrayOutputStream out) {
            this.out = out;
        }

        public int write(ByteBuffer buffer) {
            int size = buffer.remaining();
            while (buffer.hasRemaining()) out.write(buffer.get());
            return size;
        }

        public long write(ByteBuffer[] buffers, int offset, int length) {
            long size = 0;
            for (int i = offset; i < offset + length; i++) size += write(buffers[i]);
            return size;
        }

        public long write(ByteBuffer[] buffers) {
            return write(buffers, 0, buffers.length);
        }

        public boolean hasPendingWrites() {
            return false;
        }

        public long transferFrom(FileChannel file, long position, long count) {
            throw new IllegalStateException("No frame comes from a file");
        }

        public boolean isOpen() {
            return true;
        }

        public void close() {}
    }
}
