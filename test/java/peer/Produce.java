// Writes records to partition 0 of a topic with Kafka's own producer, of any version, with the given compression: every
// fifth key and every seventh value is null, timestamps are one second apart.
// Arguments: bootstrap servers, topic, compression, number of records, number of the first.
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Produce {
    public static void main(String[] args) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("compression.type", args[2]);
        settings.put("enable.idempotence", "false");
        settings.put("acks", "all");
        settings.put("linger.ms", "50");
        settings.put("batch.size", "4000");
        int count = Integer.parseInt(args[3]);
        int first = Integer.parseInt(args[4]);
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (int i = first; i < first + count; i++) {
                byte[] key = i % 5 == 3 ? null : text("key " + i);
                byte[] value = i % 7 == 5 ? null : text(args[2] + " value value value value " + i);
                producer.send(new ProducerRecord<>(args[1], 0, 1_700_000_000_000L + i * 1000L, key, value));
            }
        }
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
