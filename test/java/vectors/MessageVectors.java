// Writes and reads frames of requests and responses with Kafka's own generated classes. Values are drawn by chance from a
// seed per message and version, over every field that the version has; what it lacks stays at Java's default.
//   MessageVectors all N SEED      N frames of every message of a broker's APIs in every version, of the headers and of
//                                 the consumer protocol; each of five plans (see Plan) in turn
//   MessageVectors client          two frames of the first, middle, first flexible and last version of a client's APIs,
//                                 which is what test/protocol/vectors/messages.jsonl holds
//   MessageVectors read < lines    what Java reads in frames that are lines of the same kind without bodies
// A line of output is one frame as JSON: api, kind, version, header, body, and the bytes in hexadecimal. In a body an
// int64 is decimal text, a float64 is its 16 hexadecimal digits, bytes and records are hexadecimal text, a uuid is Kafka's
// text for it, and unknown tagged fields are a list of tag and bytes under "_unknownTags" of their struct.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
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
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.network.Send;
import org.apache.kafka.common.network.TransferableChannel;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
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

    static long seed = 0;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("read")) {
            read();
            return;
        }
        boolean all = args[0].equals("all");
        int count = all ? Integer.parseInt(args[1]) : 2;
        if (all) seed = Long.parseLong(args[2]);
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
        for (int i = 0; i < (all ? count : 1); i++) {
            for (short version = 0; version <= 3; version++) {
                embedded("ConsumerProtocolSubscription", ConsumerProtocolSubscription.SCHEMAS[version], version, i);
                embedded("ConsumerProtocolAssignment", ConsumerProtocolAssignment.SCHEMAS[version], version, i);
            }
            if (!all) continue;
            for (short version = 1; version <= 2; version++)
                bare("RequestHeader", RequestHeaderData.SCHEMAS[version], version, i);
            for (short version = 0; version <= 1; version++)
                bare("ResponseHeader", ResponseHeaderData.SCHEMAS[version], version, i);
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

    /** What a frame is to have much of, besides chance. */
    static class Plan {
        static final int[] COUNTS = {126, 127, 128, 129, 255, 256, 257};
        static final int[] LENGTHS = {126, 127, 128, 129};
        static final int[] LONG_LENGTHS = {16_382, 16_383, 16_384, 16_385, 32_767};
        final Random random;
        final boolean tags, nulls, counts, lengths;
        int elementsLeft = 300;
        int longLeft = 1;

        Plan(long what, int version, int number, int kind) {
            // Neighbouring seeds would begin alike, so they are spread.
            long own = (((what * 100 + version) * 1000 + number) * 3 + kind) * 0x9E3779B97F4A7C15L;
            random = new Random(own ^ (seed * 0xD1B54A32D192ED03L));
            tags = number % 5 == 1;
            nulls = number % 5 == 2;
            counts = number % 5 == 3;
            lengths = number % 5 == 4;
        }

        boolean isNull() {
            return random.nextInt(nulls ? 2 : 5) == 0;
        }

        /** How many elements a list has; nearly all of them are in one or two lists where there are many. */
        int count(boolean isSmall) {
            if (counts) {
                int many = pick(COUNTS);
                if (many <= elementsLeft && random.nextBoolean()) {
                    elementsLeft -= many;
                    return many;
                }
                return random.nextInt(elementsLeft < 126 ? 2 : 3);
            }
            if (isSmall && random.nextInt(40) == 0) return 130;
            return random.nextInt(nulls ? 3 : 8) == 0 ? 0 : 1 + random.nextInt(2);
        }

        /** A length at a border of compact lengths; -1 for any. */
        int length() {
            if (!lengths) return -1;
            if (longLeft > 0 && random.nextInt(3) == 0) {
                longLeft--;
                return pick(LONG_LENGTHS);
            }
            return random.nextInt(3) == 0 ? pick(LENGTHS) : -1;
        }

        int pick(int... values) {
            return values[random.nextInt(values.length)];
        }
    }

    static void request(ApiMessageType api, short version, int number) throws Exception {
        Plan plan = new Plan(api.apiKey(), version, number, 0);
        ApiMessage body = api.newRequest();
        fill(body, api.requestSchemas()[version], plan);
        String clientId = number == 0 ? "kafka-once" : number == 1 ? null : number == 2 ? "" : text(plan);
        int correlationId = plan.random.nextInt();
        RequestHeader header = new RequestHeader(ApiKeys.forId(api.apiKey()), version, clientId, correlationId);
        if (plan.tags && header.headerVersion() > 1) addUnknownTags(header.data(), Set.of(), plan.random);
        print(requestLine(api, header, body), bytes(SendBuilder.buildRequestSend(header, body)));
    }

    static ObjectNode requestLine(ApiMessageType api, RequestHeader header, ApiMessage body) throws Exception {
        ObjectNode line = line(api.name, "request", header.apiVersion(), body);
        line.put("correlationId", header.correlationId()).put("clientId", header.clientId());
        return putTags(line, "headerTags", header.data());
    }

    static void response(ApiMessageType api, short version, int number) throws Exception {
        Plan plan = new Plan(api.apiKey(), version, number, 1);
        ApiMessage body = api.newResponse();
        fill(body, api.responseSchemas()[version], plan);
        ResponseHeader header = new ResponseHeader(plan.random.nextInt(), api.responseHeaderVersion(version));
        if (plan.tags && header.headerVersion() > 0) addUnknownTags(header.data(), Set.of(), plan.random);
        print(responseLine(api, version, header, body), bytes(SendBuilder.buildResponseSend(header, body, version)));
    }

    static ObjectNode responseLine(ApiMessageType api, short version, ResponseHeader header, ApiMessage body)
            throws Exception {
        ObjectNode line = line(api.name, "response", version, body).put("correlationId", header.correlationId());
        return putTags(line, "headerTags", header.data());
    }

    static void embedded(String name, Schema schema, short version, int number) throws Exception {
        ApiMessage body = bodyOf(name);
        fill(body, schema, new Plan(name.length(), version, number, 2));
        print(line(name, "embedded", version, body), bytes(MessageUtil.toVersionPrefixedByteBuffer(version, body)));
    }

    /** A message on its own. */
    static void bare(String name, Schema schema, short version, int number) throws Exception {
        ApiMessage body = bodyOf(name);
        fill(body, schema, new Plan(name.length(), version, number, 2));
        print(line(name, "bare", version, body), bytes(MessageUtil.toByteBufferAccessor(body, version).buffer()));
    }

    static ApiMessage bodyOf(String name) {
        switch (name) {
            case "ConsumerProtocolSubscription": return new ConsumerProtocolSubscription();
            case "ConsumerProtocolAssignment": return new ConsumerProtocolAssignment();
            case "RequestHeader": return new RequestHeaderData();
            case "ResponseHeader": return new ResponseHeaderData();
            default: throw new IllegalStateException(name + " is not known");
        }
    }

    static void read() throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        Map<String, ApiMessageType> apis = new HashMap<>();
        for (ApiMessageType api : ApiMessageType.values()) apis.put(api.name, api);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String text = lines.readLine(); text != null; text = lines.readLine()) {
            JsonNode line = mapper.readTree(text);
            ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(line.get("bytes").asText()));
            String kind = line.get("kind").asText();
            String name = line.get("api").asText();
            short version = (short) line.get("version").asInt();
            if (kind.equals("request")) readRequest(apis.get(name), bytes);
            else if (kind.equals("response")) readResponse(apis.get(name), version, bytes);
            else readOther(kind, name, version, bytes);
        }
        OUT.flush();
    }

    static void readRequest(ApiMessageType api, ByteBuffer bytes) throws Exception {
        expectSize(bytes);
        // RequestHeader.parse would take an absent client id for an empty one.
        short headerVersion = api.requestHeaderVersion(bytes.getShort(bytes.position() + 2));
        RequestHeaderData data = new RequestHeaderData(new ByteBufferAccessor(bytes), headerVersion);
        RequestHeader header = new RequestHeader(data, headerVersion);
        ApiMessage body = api.newRequest();
        body.read(new ByteBufferAccessor(bytes), header.apiVersion());
        expectEnd(bytes);
        print(requestLine(api, header, body), bytes(SendBuilder.buildRequestSend(header, body)));
    }

    static void readResponse(ApiMessageType api, short version, ByteBuffer bytes) throws Exception {
        expectSize(bytes);
        ResponseHeader header = ResponseHeader.parse(bytes, api.responseHeaderVersion(version));
        ApiMessage body = api.newResponse();
        body.read(new ByteBufferAccessor(bytes), version);
        expectEnd(bytes);
        print(responseLine(api, version, header, body), bytes(SendBuilder.buildResponseSend(header, body, version)));
    }

    static void readOther(String kind, String name, short version, ByteBuffer bytes) throws Exception {
        boolean prefixed = kind.equals("embedded");
        if (prefixed && bytes.getShort() != version) throw new IllegalStateException(name + " is not version " + version);
        ApiMessage body = bodyOf(name);
        body.read(new ByteBufferAccessor(bytes), version);
        expectEnd(bytes);
        print(line(name, kind, version, body), bytes(prefixed
            ? MessageUtil.toVersionPrefixedByteBuffer(version, body)
            : MessageUtil.toByteBufferAccessor(body, version).buffer()));
    }

    static void expectSize(ByteBuffer bytes) {
        if (bytes.getInt() != bytes.remaining()) throw new IllegalStateException("The frame has another size");
    }

    static void expectEnd(ByteBuffer bytes) {
        if (bytes.hasRemaining()) throw new IllegalStateException(bytes.remaining() + " bytes are left");
    }

    static ObjectNode line(String api, String kind, short version, ApiMessage body) throws Exception {
        ObjectNode line = JSON.objectNode().put("api", api).put("kind", kind).put("version", version);
        line.set("body", json(body));
        return line;
    }

    /** Java refuses a tag of another version. */
    static Set<Integer> tagsOfAllVersions(Class<?> struct) throws Exception {
        Set<Integer> tags = new TreeSet<>();
        for (Schema schema : (Schema[]) struct.getField("SCHEMAS").get(null)) {
            if (schema == null) continue;
            for (BoundField field : schema.fields())
                if (field.def.type instanceof TaggedFields) tags.addAll(((TaggedFields) field.def.type).fields().keySet());
        }
        return tags;
    }

    /** Tags that no version knows, in order, some of them between and below the known ones. */
    static void addUnknownTags(Message struct, Set<Integer> known, Random random) {
        Set<Integer> tags = new TreeSet<>();
        for (int tag = 0; tag < 6; tag++) if (!known.contains(tag) && random.nextInt(3) == 0) tags.add(tag);
        for (int tag : new int[] {1_000, 70_000, Integer.MAX_VALUE - 1}) if (random.nextBoolean()) tags.add(tag);
        if (tags.isEmpty()) tags.add(1_000);
        for (int tag : tags) {
            byte[] bytes = new byte[random.nextInt(10) == 0 ? 126 + random.nextInt(4) : random.nextInt(4)];
            random.nextBytes(bytes);
            struct.unknownTaggedFields().add(new RawTaggedField(tag, bytes));
        }
    }

    static ObjectNode putTags(ObjectNode object, String name, Message struct) {
        if (struct.unknownTaggedFields().isEmpty()) return object;
        ArrayNode tags = object.putArray(name);
        for (RawTaggedField tag : struct.unknownTaggedFields())
            tags.addArray().add(tag.tag()).add(HexFormat.of().formatHex(tag.data()));
        return object;
    }

    static void print(ObjectNode line, byte[] bytes) {
        OUT.println(line.put("bytes", HexFormat.of().formatHex(bytes)));
    }

    static byte[] bytes(Send send) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (!send.completed()) send.writeTo(new Sink(out));
        return out.toByteArray();
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    /** Sets every field that the schema has, but for some that keep their default. */
    static void fill(Object struct, Schema schema, Plan plan) throws Exception {
        Map<String, Type> types = new HashMap<>();
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields) {
                TaggedFields tagged = (TaggedFields) field.def.type;
                tagged.fields().values().forEach(one -> types.put(plainName(one.name), one.type));
                if (plan.tags && plan.random.nextInt(4) > 0)
                    addUnknownTags((Message) struct, tagsOfAllVersions(struct.getClass()), plan.random);
            } else {
                types.put(plainName(field.def.name), field.def.type);
            }
        }
        for (Field field : dataFields(struct.getClass())) {
            Type type = types.remove(plainName(field.getName()));
            if (type == null) continue;
            boolean mayStay = field.get(struct) != null || isNullable(type);
            if (mayStay && plan.random.nextInt(6) == 0) continue;
            field.set(struct, value(field.getType(), field, type, plan));
        }
        types.remove("_taggedfields");
        types.remove("taggedfields");
        if (!types.isEmpty()) throw new IllegalStateException("No Java field for " + types.keySet());
    }

    static Object value(Class<?> javaType, Field field, Type type, Plan plan) throws Exception {
        Random random = plan.random;
        if (isNullable(type) && plan.isNull()) return null;
        if (Collection.class.isAssignableFrom(javaType)) return list(javaType, field, type, plan);
        if (Message.class.isAssignableFrom(javaType)) return struct(javaType, (Schema) type, plan);
        if (javaType == boolean.class || javaType == Boolean.class) return random.nextBoolean();
        if (javaType == byte.class || javaType == Byte.class) return (byte) number(random, 8, false);
        if (javaType == short.class || javaType == Short.class) return (short) number(random, 16, false);
        if (javaType == int.class || javaType == Integer.class) {
            return type == Type.UINT16 ? (int) number(random, 16, true) : (int) number(random, 32, false);
        }
        if (javaType == long.class || javaType == Long.class) {
            return type == Type.UNSIGNED_INT32 ? number(random, 32, true) : number(random, 64, false);
        }
        if (javaType == double.class) return fraction(random);
        if (javaType == String.class) return text(plan);
        if (javaType == Uuid.class) return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        if (javaType == byte[].class) return content(plan);
        if (javaType == ByteBuffer.class) return ByteBuffer.wrap(content(plan));
        if (javaType.getSimpleName().equals("BaseRecords")) return MemoryRecords.readableRecords(ByteBuffer.wrap(content(plan)));
        throw new IllegalStateException(javaType + " is not expected");
    }

    /** Records say that they are nullable where the message does not allow it. */
    static boolean isNullable(Type type) {
        return type.isNullable() && type != Type.RECORDS && type != Type.COMPACT_RECORDS;
    }

    @SuppressWarnings("unchecked")
    static Object list(Class<?> javaType, Field field, Type type, Plan plan) throws Exception {
        boolean plain = javaType == List.class;
        java.lang.reflect.Type generic = plain ? field.getGenericType() : javaType.getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        Collection<Object> values = plain ? new ArrayList<>() : (Collection<Object>) javaType.getConstructor().newInstance();
        Type elementType = type.arrayElementType().get();
        int count = plan.count(!Message.class.isAssignableFrom(element) && element != String.class);
        for (int i = 0; i < count; i++) values.add(value(element, field, elementType, plan));
        return values;
    }

    static Object struct(Class<?> javaType, Schema schema, Plan plan) throws Exception {
        Object struct = javaType.getConstructor().newInstance();
        fill(struct, schema, plan);
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

    static double fraction(Random random) {
        switch (random.nextInt(10)) {
            case 0: return Double.NaN;
            case 1: return Double.POSITIVE_INFINITY;
            case 2: return Double.NEGATIVE_INFINITY;
            case 3: return -0.0;
            case 4: return Double.MIN_VALUE;
            case 5: return -Double.MAX_VALUE;
            default: return random.nextGaussian() * Math.pow(10, random.nextInt(20));
        }
    }

    static String text(Plan plan) {
        Random random = plan.random;
        int length = plan.length();
        // Two bytes a character, and one where the length is odd: lengths are in bytes.
        if (length >= 0) return random.nextBoolean() ? "x".repeat(length) : "\u00df".repeat(length / 2) + "x".repeat(length % 2);
        switch (random.nextInt(12)) {
            case 0: return "";
            case 1: return "x".repeat(plan.counts ? 3 : 130);
            case 2: return "Stra\u00dfe \u20ac \ud83d\ude00 \ufeff";
            default: return "name-" + random.nextInt(1000);
        }
    }

    static byte[] content(Plan plan) {
        Random random = plan.random;
        int length = plan.length();
        if (length < 0) length = random.nextInt(8) == 0 && !plan.counts ? 140 : random.nextInt(8);
        byte[] bytes = new byte[length];
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
        if (value instanceof Double) return JSON.textNode(HexFormat.of().toHexDigits(Double.doubleToRawLongBits((Double) value)));
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
        return putTags(object, "_unknownTags", (Message) value);
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
