// Writes record batches with Kafka's own builder, and reads batches with Kafka's own reader.
//   RecordVectors write            prints a vector per line as JSON: name, bytes, and what Kafka reads in them
//   RecordVectors random SEED N    the same for N batches of each codec, drawn by the seed
//   RecordVectors read  < lines    per line of hexadecimal bytes, prints what Kafka reads in them, or its refusal
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;

public class RecordVectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final long TIME = 1_700_000_000_123L;
    static final Header[] NO_HEADERS = {};

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write();
        else if (args[0].equals("random")) random(Long.parseLong(args[1]), Integer.parseInt(args[2]));
        else read();
    }

    static void write() throws Exception {
        ArrayNode vectors = JSON.createArrayNode();
        add(vectors, "plain", plain(Compression.NONE));
        add(vectors, "gzip", many(Compression.gzip().build(), 120));
        add(vectors, "snappy", many(Compression.snappy().build(), 120));
        add(vectors, "snappy of many blocks", large(Compression.snappy().build()));
        add(vectors, "gzip of a large value", large(Compression.gzip().build()));
        add(vectors, "many records", many(Compression.NONE, 200));
        add(vectors, "values of all varint sizes", sizes());
        add(vectors, "timestamps far apart", build(Compression.NONE, b -> {
            b.append(TIME, bytes("a"), bytes("1"));
            b.append(TIME - 5_000, bytes("b"), bytes("2"));
            b.append(TIME + 4_000_000_000L, bytes("c"), bytes("3"));
            b.append(0L, bytes("d"), bytes("4"));
            b.append(TIME + Integer.MAX_VALUE, bytes("e"), bytes("5"));
            b.append(TIME + Integer.MIN_VALUE, bytes("f"), bytes("6"));
        }));
        add(vectors, "headers", headers());
        add(vectors, "idempotent", MemoryRecords.withIdempotentRecords(1000L, Compression.NONE, 7_000_000_000L, (short) 3,
            Integer.MAX_VALUE, 9, record("k", "v"), record("l", "w")));
        add(vectors, "transactional", MemoryRecords.withTransactionalRecords(5_000_000_000L, Compression.snappy().build(),
            42L, (short) 32766, 17, 5, record("key", "value value value value value value"), record(null, "v")));
        add(vectors, "log append time", MemoryRecords.withRecords((byte) 2, 77L, Compression.NONE,
            TimestampType.LOG_APPEND_TIME, record("k", "v"), record("l", "w")));
        add(vectors, "offsets with holes", build(Compression.NONE, b -> {
            b.appendWithOffset(3L, TIME, bytes("a"), bytes("1"));
            b.appendWithOffset(10L, TIME + 1, bytes("b"), null);
            b.appendWithOffset(300L, TIME + 2, bytes("c"), bytes("3"));
        }));
        add(vectors, "commit marker", MemoryRecords.withEndTransactionMarker(12L, TIME, 6, 42L, (short) 5,
            new EndTransactionMarker(ControlRecordType.COMMIT, 9)));
        add(vectors, "abort marker", MemoryRecords.withEndTransactionMarker(13L, TIME, 6, 42L, (short) 5,
            new EndTransactionMarker(ControlRecordType.ABORT, 0)));
        add(vectors, "leader change", MemoryRecords.withLeaderChangeMessage(0L, TIME, 4, ByteBuffer.allocate(512),
            new LeaderChangeMessage().setLeaderId(1)));
        add(vectors, "delete horizon", deleteHorizon());
        add(vectors, "emptied by compaction", emptied());
        add(vectors, "several batches", MemoryRecords.readableRecords(joined(plain(Compression.NONE),
            many(Compression.gzip().build(), 30), many(Compression.NONE, 2))));
        add(vectors, "lz4", many(Compression.lz4().build(), 30));
        add(vectors, "zstd", many(Compression.zstd().build(), 30));
        add(vectors, "lz4 of many blocks", large(Compression.lz4().build()));
        add(vectors, "zstd of many blocks", large(Compression.zstd().build()));
        add(vectors, "zstd of the highest level", many(Compression.zstd().level(22).build(), 20));
        add(vectors, "last offsets there are", MemoryRecords.withRecords(Long.MAX_VALUE - 2, Compression.NONE,
            record("k", "v"), record("l", "w"), record("m", "x")));
        addControls(vectors);
        addCompacted(vectors);
        addOldFormats(vectors);
        for (JsonNode vector : vectors) System.out.println(JSON.writeValueAsString(vector));
    }

    static void addControls(ArrayNode vectors) {
        ByteBuffer buffer = ByteBuffer.allocate(512);
        add(vectors, "snapshot header", MemoryRecords.withSnapshotHeaderRecord(0L, TIME, 4, buffer,
            new SnapshotHeaderRecord().setLastContainedLogTimestamp(TIME)));
        add(vectors, "snapshot footer", MemoryRecords.withSnapshotFooterRecord(9L, TIME, 4, ByteBuffer.allocate(512),
            new SnapshotFooterRecord()));
        add(vectors, "kraft version", MemoryRecords.withKRaftVersionRecord(1L, TIME, 4, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)));
        add(vectors, "kraft voters", MemoryRecords.withVotersRecord(2L, TIME, 4, ByteBuffer.allocate(512),
            new VotersRecord().setVoters(List.of(new VotersRecord.Voter().setVoterId(1)))));
        for (short type : new short[] {7, 1234, -1})
            add(vectors, "control record of type " + type, ofType((short) 0, type));
        add(vectors, "commit marker of version 3", ofType((short) 3, (short) 1));
    }

    // No builder writes a type that it does not know, so the key of a marker is changed.
    static MemoryRecords ofType(short version, short type) {
        ByteBuffer buffer = MemoryRecords.withEndTransactionMarker(12L, TIME, 6, 42L, (short) 5,
            new EndTransactionMarker(ControlRecordType.COMMIT, 9)).buffer();
        int key = DefaultRecordBatch.RECORD_BATCH_OVERHEAD + 5;
        buffer.putShort(key, version).putShort(key + 2, type);
        CRC32C crc = new CRC32C();
        crc.update(buffer.duplicate().position(21));
        buffer.putInt(17, (int) crc.getValue());
        return MemoryRecords.readableRecords(buffer);
    }

    // What Kafka's own cleaner leaves of batches.
    static void addCompacted(ArrayNode vectors) {
        add(vectors, "compacted", compacted(many(Compression.NONE, 9), 2, 3, 7));
        add(vectors, "compacted at both ends in lz4", compacted(many(Compression.lz4().build(), 40), 20, 21));
        add(vectors, "compacted with a tombstone", compacted(plain(Compression.NONE), 0, 2));
        add(vectors, "compacted to nothing", compacted(MemoryRecords.withIdempotentRecords(500L, Compression.NONE, 42L,
            (short) 5, Integer.MAX_VALUE - 1, 6, record("k", "v"), record("l", "w"), record("m", "x"))));
        add(vectors, "marker compacted to nothing", compacted(MemoryRecords.withEndTransactionMarker(12L, TIME, 6, 42L,
            (short) 5, new EndTransactionMarker(ControlRecordType.ABORT, 9))));
    }

    static MemoryRecords compacted(MemoryRecords records, int... kept) {
        long first = records.batches().iterator().next().iterator().next().offset();
        ByteBuffer target = ByteBuffer.allocate(1 << 16);
        records.filterTo(new MemoryRecords.RecordFilter(TIME, 1000L) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return Arrays.stream(kept).anyMatch(i -> first + i == record.offset());
            }
        }, target, BufferSupplier.NO_CACHING, 1 << 16);
        target.flip();
        return MemoryRecords.readableRecords(target);
    }

    static void addOldFormats(ArrayNode vectors) {
        Compression[] codecs = {Compression.NONE, Compression.gzip().build(), Compression.snappy().build(),
            Compression.lz4().build()};
        for (byte magic = 0; magic < 2; magic++)
            for (Compression codec : codecs)
                add(vectors, "format " + magic + " " + codec.type().name,
                    old(magic, codec, TimestampType.CREATE_TIME, 12, 1000L));
        for (Compression codec : codecs)
            add(vectors, "format 1 " + codec.type().name + " with log append time",
                old((byte) 1, codec, TimestampType.LOG_APPEND_TIME, 5, 1000L));
        add(vectors, "format 1 snappy of many blocks", large((byte) 1, codecs[2]));
        add(vectors, "format 0 lz4 of many blocks", large((byte) 0, codecs[3]));
        add(vectors, "format 1 lz4 of one record", old((byte) 1, codecs[3], TimestampType.CREATE_TIME, 1, 1000L));
        for (byte magic = 0; magic < 2; magic++)
            add(vectors, "format " + magic + " without contents", oldNulls(magic));
        add(vectors, "last offsets there are in format 1", MemoryRecords.withRecords((byte) 1, Long.MAX_VALUE - 2,
            codecs[1], record("k", "v"), record("l", "w"), record("m", "x")));
        add(vectors, "all formats", MemoryRecords.readableRecords(joined(
            old((byte) 0, codecs[0], TimestampType.CREATE_TIME, 3, 0L),
            old((byte) 0, codecs[2], TimestampType.CREATE_TIME, 4, 100L),
            old((byte) 1, codecs[0], TimestampType.CREATE_TIME, 2, 200L),
            old((byte) 1, codecs[1], TimestampType.CREATE_TIME, 5, 300L), many(Compression.lz4().build(), 3))));
        add(vectors, "format 1 with log append time of two times", MemoryRecords.readableRecords(joined(
            appended(TIME, 0L), appended(TIME, 1L), appended(TIME + 5, 2L))));
    }

    static MemoryRecords old(byte magic, Compression compression, TimestampType type, int count, long firstOffset) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), magic, compression, type,
            firstOffset, TIME + 77);
        for (int i = 0; i < count; i++) {
            byte[] key = i % 5 == 3 ? null : bytes("key " + i);
            byte[] value = i % 7 == 5 ? null : bytes("a value that repeats " + i % 10);
            builder.append(TIME + i * 3_000_000_000L, key, value);
        }
        return builder.build();
    }

    static MemoryRecords oldNulls(byte magic) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), magic, Compression.NONE,
            TimestampType.CREATE_TIME, 0L);
        builder.append(TIME, (byte[]) null, null);
        builder.append(TIME, new byte[0], new byte[0]);
        return builder.build();
    }

    static MemoryRecords appended(long time, long offset) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 10), (byte) 1, Compression.NONE,
            TimestampType.LOG_APPEND_TIME, offset, time);
        builder.append(TIME, bytes("k"), bytes("v"));
        return builder.build();
    }

    static MemoryRecords large(byte magic, Compression compression) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), magic, compression,
            TimestampType.CREATE_TIME, 0L);
        builder.append(TIME, bytes("large"), largeValue());
        builder.append(TIME, bytes("small"), bytes("after it"));
        return builder.build();
    }

    static void read() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] batch = HexFormat.of().parseHex(line.trim());
            try {
                System.out.println(describe(MemoryRecords.readableRecords(ByteBuffer.wrap(batch))));
            } catch (RuntimeException refusal) {
                System.out.println(JSON.writeValueAsString(refusal.toString()));
            }
        }
    }

    static void add(ArrayNode vectors, String name, MemoryRecords records) {
        ObjectNode vector = vectors.addObject();
        vector.put("name", name);
        vector.put("bytes", HexFormat.of().formatHex(toArray(records.buffer())));
        vector.set("batches", describe(records));
    }

    // 64-bit numbers are text, since JSON's readers round them.
    static ArrayNode describe(MemoryRecords records) {
        ArrayNode batches = JSON.createArrayNode();
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            ObjectNode node = batches.addObject();
            node.put("magic", batch.magic());
            node.put("baseOffset", Long.toString(batch.baseOffset()));
            node.put("lastOffset", Long.toString(batch.lastOffset()));
            node.put("sizeInBytes", batch.sizeInBytes());
            node.put("compression", batch.compressionType().name);
            node.put("timestampType", switch (batch.timestampType()) {
                case LOG_APPEND_TIME -> "logAppendTime";
                case CREATE_TIME -> "createTime";
                case NO_TIMESTAMP_TYPE -> "noTimestampType";
            });
            putTime(node, "maxTimestamp", batch.maxTimestamp());
            if (batch.magic() == 2) {
                node.put("partitionLeaderEpoch", batch.partitionLeaderEpoch());
                node.put("isTransactional", batch.isTransactional());
                node.put("isControl", batch.isControlBatch());
                node.put("hasDeleteHorizon", batch.deleteHorizonMs().isPresent());
                putTime(node, "baseTimestamp", ((DefaultRecordBatch) batch).baseTimestamp());
                node.put("producerId", Long.toString(batch.producerId()));
                node.put("producerEpoch", batch.producerEpoch());
                node.put("baseSequence", batch.baseSequence());
                node.put("lastSequence", batch.lastSequence());
                node.put("recordCount", batch.countOrNull());
            }
            ArrayNode list = node.putArray("records");
            for (Record record : batch) describe(list.addObject(), batch, record);
        }
        return batches;
    }

    static void describe(ObjectNode node, RecordBatch batch, Record record) {
        record.ensureValid();
        node.put("offset", Long.toString(record.offset()));
        putTime(node, "timestamp", record.timestamp());
        node.put("key", hex(record.key()));
        node.put("value", hex(record.value()));
        ArrayNode headers = node.putArray("headers");
        for (Header header : record.headers()) {
            byte[] value = header.value();
            headers.addArray().add(header.key()).add(value == null ? null : hex(ByteBuffer.wrap(value)));
        }
        if (!batch.isControlBatch()) return;
        ControlRecordType type = ControlRecordType.parse(record.key());
        node.put("control", type.name());
        node.put("controlTypeId", ControlRecordType.parseTypeId(record.key()));
        if (type == ControlRecordType.COMMIT || type == ControlRecordType.ABORT)
            node.put("coordinatorEpoch", EndTransactionMarker.deserialize(record).coordinatorEpoch());
    }

    static MemoryRecords plain(Compression compression) {
        return build(compression, b -> {
            b.append(TIME, bytes("key"), bytes("value"));
            b.append(TIME + 1, (byte[]) null, bytes("no key"));
            b.append(TIME + 2, bytes("tombstone"), null);
            b.append(TIME + 3, (byte[]) null, null);
            b.append(TIME + 4, new byte[0], new byte[0]);
            b.append(TIME + 5, bytes("key"), bytes("with a header"),
                new Header[] {new RecordHeader("trace", bytes("id"))});
        });
    }

    static MemoryRecords many(Compression compression, int count) {
        return build(compression, b -> {
            for (int i = 0; i < count; i++)
                b.append(TIME + i * 7L, bytes("key " + i), bytes("a value that repeats " + i % 10), NO_HEADERS);
        });
    }

    static byte[] largeValue() {
        byte[] value = new byte[150_000];
        Random random = new Random(7);
        for (int i = 0; i < value.length; i++) value[i] = i % 500 == 0 ? (byte) random.nextInt() : (byte) (i / 1000);
        return value;
    }

    static MemoryRecords large(Compression compression) {
        return build(compression, b -> {
            b.append(TIME, bytes("large"), largeValue());
            b.append(TIME, bytes("small"), bytes("after it"));
        });
    }

    static MemoryRecords sizes() {
        return build(Compression.NONE, b -> {
            for (int size : new int[] {0, 1, 63, 64, 65, 127, 128, 8191, 8192})
                b.append(TIME, new byte[size % 200], new byte[size]);
        });
    }

    static MemoryRecords headers() {
        Header[] several = {
            new RecordHeader("a", bytes("1")), new RecordHeader("", new byte[0]),
            new RecordHeader("gr\u00fc\u00dfe \u4f60\u597d \ud83d\ude80", bytes("not only ASCII")),
            new RecordHeader("a", bytes("again")), new RecordHeader("null", (byte[]) null),
        };
        return build(Compression.NONE, b -> {
            b.append(TIME, bytes("k"), bytes("v"), several);
            Header[] hundred = new Header[100];
            for (int i = 0; i < hundred.length; i++) hundred[i] = new RecordHeader("h" + i, new byte[i]);
            b.append(TIME, (byte[]) null, null, hundred);
        });
    }

    static MemoryRecords deleteHorizon() {
        ByteBufferOutputStream out = new ByteBufferOutputStream(512);
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(out, (byte) 2, Compression.NONE, TimestampType.CREATE_TIME,
            50L, RecordBatch.NO_TIMESTAMP, RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH,
            RecordBatch.NO_SEQUENCE, false, false, 3, 512, OptionalLong.of(TIME + 86_400_000L).getAsLong());
        builder.append(TIME, bytes("gone soon"), null);
        builder.append(TIME + 1, bytes("gone too"), null);
        return builder.build();
    }

    static MemoryRecords emptied() {
        ByteBuffer buffer = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(buffer, (byte) 2, 42L, (short) 5, 7, 100L, 109L, 6,
            TimestampType.CREATE_TIME, TIME, true, false);
        buffer.flip();
        return MemoryRecords.readableRecords(buffer);
    }

    static MemoryRecords build(Compression compression, Consumer<MemoryRecordsBuilder> append) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), compression,
            TimestampType.CREATE_TIME, 0L);
        append.accept(builder);
        return builder.build();
    }

    static ByteBuffer joined(MemoryRecords... all) {
        List<byte[]> parts = new ArrayList<>();
        int size = 0;
        for (MemoryRecords records : all) {
            parts.add(toArray(records.buffer()));
            size += parts.get(parts.size() - 1).length;
        }
        ByteBuffer joined = ByteBuffer.allocate(size);
        for (byte[] part : parts) joined.put(part);
        joined.flip();
        return joined;
    }

    static SimpleRecord record(String key, String value) {
        return new SimpleRecord(TIME, key == null ? null : bytes(key), bytes(value));
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] toArray(ByteBuffer buffer) {
        byte[] array = new byte[buffer.remaining()];
        buffer.duplicate().get(array);
        return array;
    }

    // Long contents are told by their digest, to keep the vectors short.
    static String hex(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] array = toArray(buffer);
        if (array.length <= 64) return HexFormat.of().formatHex(array);
        try {
            return "sha256 " + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(array));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    // As text where a number of JavaScript would not have it exactly.
    static void putTime(ObjectNode node, String name, long time) {
        if (time > -(1L << 53) && time < 1L << 53) node.put(name, time);
        else node.put(name, Long.toString(time));
    }

    static void random(long seed, int count) throws Exception {
        String[] codecs = {"none", "gzip", "snappy", "lz4", "zstd"};
        for (int codec = 0; codec < codecs.length; codec++) {
            for (int i = 0; i < count; i++) {
                Drawn drawn = new Drawn(((seed * 8 + codec) * 0x10001L + i) * 0x9E3779B97F4A7C15L);
                ArrayNode vectors = JSON.createArrayNode();
                add(vectors, codecs[codec] + " " + i, drawn.batch(codec));
                System.out.println(JSON.writeValueAsString(vectors.get(0)));
            }
        }
    }

    // A batch whose every part comes from one seed.
    static class Drawn {
        static final int[] LENGTHS = {0, 1, 2, 62, 63, 64, 65, 126, 127, 128, 129, 255, 256};
        static final int[] LONG_LENGTHS = {8190, 8191, 8192, 8193, 20_000, 66_000};
        static final long[] TIMES = {-1, 0, 1, 0x7fffffffL, 0x80000000L, 0xffffffffL, 1_700_000_000_000L, (1L << 53) - 1};
        static final long[] FAR_TIMES = {-1, 0, (1L << 53) + 1, 1_700_000_000_000_000_001L, Long.MAX_VALUE - 1,
            Long.MAX_VALUE};
        static final String[] NAMES = {"trace", "", "gr\u00fc\u00dfe", "\u4f60\u597d", "\ud83d\ude80", "a\u0000b", "\ufeffmark"};
        final Random random;
        final boolean isExtreme;
        final boolean isFar;
        final long first;

        Drawn(long seed) {
            random = new Random(seed ^ (seed >>> 29));
            isExtreme = random.nextInt(3) == 0;
            isFar = isExtreme && random.nextInt(4) == 0;
            first = isFar ? pick(FAR_TIMES) : isExtreme ? pick(TIMES) : TIME + random.nextInt(1_000_000_000);
        }

        MemoryRecords batch(int codec) {
            boolean isControl = random.nextInt(12) == 0;
            boolean isTransactional = isControl || random.nextInt(4) == 0;
            boolean hasProducer = isTransactional || random.nextInt(2) == 0;
            long producerId = !hasProducer ? -1 : isExtreme ? pick(0, 1, 1L << 53, Long.MAX_VALUE) : random.nextInt(9_999);
            short epoch = (short) (!hasProducer ? -1 : isExtreme ? pick(0, 1, 32_766, 32_767) : random.nextInt(50));
            int sequence = (int) (!hasProducer || isControl ? -1
                : isExtreme ? pick(0, 1, Integer.MAX_VALUE, Integer.MAX_VALUE - 1, Integer.MAX_VALUE - 7)
                : random.nextInt(99_999));
            int leaderEpoch = (int) (isExtreme ? pick(isControl ? 0 : -1, 0, Integer.MAX_VALUE) : random.nextInt(99));
            int count = random.nextInt(10) == 0 ? 100 + random.nextInt(300) : 1 + random.nextInt(12);
            boolean hasHoles = random.nextInt(4) == 0;
            long room = hasHoles && isExtreme ? Integer.MAX_VALUE : 4_000;
            long base = isExtreme ? pick(0, 1, 0xffffffffL, 1L << 53, Long.MAX_VALUE - room) : random.nextInt(1 << 30);
            long appendTime = isExtreme ? pick(0, 1L << 40, Long.MAX_VALUE) : TIME + 99;
            TimestampType type = random.nextInt(6) == 0 ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
            if (random.nextInt(30) == 0) return empty(base, room, producerId, epoch, sequence, leaderEpoch, isTransactional);
            long horizon = random.nextInt(8) > 0 ? RecordBatch.NO_TIMESTAMP : first >= TIMES[7] ? 0 : first + 1;
            MemoryRecordsBuilder builder = new MemoryRecordsBuilder(new ByteBufferOutputStream(1 << 12), (byte) 2,
                compression(codec), type, base, type == TimestampType.LOG_APPEND_TIME ? appendTime : -1, producerId, epoch,
                sequence, isTransactional, isControl, leaderEpoch, 1 << 20, horizon);
            if (isControl) control(builder);
            else records(builder, base, base + room, count, hasHoles);
            return builder.build();
        }

        MemoryRecords empty(long base, long room, long producerId, short epoch, int sequence, int leaderEpoch,
                            boolean isTransactional) {
            ByteBuffer buffer = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
            DefaultRecordBatch.writeEmptyHeader(buffer, (byte) 2, producerId, epoch, sequence, base, base + room,
                leaderEpoch, TimestampType.CREATE_TIME, first, isTransactional, false);
            buffer.flip();
            return MemoryRecords.readableRecords(buffer);
        }

        void control(MemoryRecordsBuilder builder) {
            ControlRecordType type = random.nextBoolean() ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
            switch (random.nextInt(6)) {
                case 0 -> builder.appendLeaderChangeMessage(time(), new LeaderChangeMessage().setLeaderId(random.nextInt()));
                case 1 -> builder.appendKRaftVersionMessage(time(), new KRaftVersionRecord().setKRaftVersion((short) 1));
                default -> builder.appendEndTxnMarker(time(), new EndTransactionMarker(type,
                    (int) pick(0, 1, -1, Integer.MAX_VALUE)));
            }
        }

        void records(MemoryRecordsBuilder builder, long base, long end, int count, boolean hasHoles) {
            long offset = base;
            for (int i = 0; i < count; i++) {
                long left = end - offset - (count - i);
                if (hasHoles && random.nextInt(3) == 0) offset += random.nextInt((int) Math.max(1, left / 2));
                int longest = count < 20 && random.nextInt(8) == 0 ? 2 : 1;
                builder.appendWithOffset(offset++, i == 0 ? first : time(), content(1), content(longest), headers());
            }
        }

        long time() {
            if (isFar) return pick(FAR_TIMES);
            if (isExtreme) return pick(TIMES);
            return first + random.nextInt(random.nextInt(9) == 0 ? Integer.MAX_VALUE : 5_000) - 2_000;
        }

        byte[] content(int longest) {
            int kind = random.nextInt(7);
            if (kind == 0) return null;
            int length = kind < 3 ? (int) pick(LENGTHS) : random.nextInt(40);
            if (longest > 1) length = (int) pick(LONG_LENGTHS);
            byte[] content = new byte[length];
            if (random.nextInt(3) == 0) random.nextBytes(content);
            else for (int i = 0; i < length; i++) content[i] = (byte) "again and again ".charAt(i % 16);
            return content;
        }

        Header[] headers() {
            Header[] headers = new Header[random.nextInt(5) > 0 ? 0 : random.nextInt(20) == 0 ? 130 : 1 + random.nextInt(4)];
            for (int i = 0; i < headers.length; i++) {
                String name = random.nextInt(9) == 0 ? "n".repeat((int) pick(63, 64, 127, 128)) : NAMES[random.nextInt(NAMES.length)];
                headers[i] = new RecordHeader(name, content(1));
            }
            return headers;
        }

        Compression compression(int codec) {
            return switch (codec) {
                case 1 -> Compression.gzip().level(1 + random.nextInt(9)).build();
                case 2 -> Compression.snappy().build();
                case 3 -> Compression.lz4().level(1 + random.nextInt(17)).build();
                case 4 -> Compression.zstd().level(random.nextInt(12) == 0 ? 22 : random.nextInt(12) - 2).build();
                default -> Compression.NONE;
            };
        }

        long pick(long... values) {
            return values[random.nextInt(values.length)];
        }

        long pick(int... values) {
            return values[random.nextInt(values.length)];
        }
    }
}
