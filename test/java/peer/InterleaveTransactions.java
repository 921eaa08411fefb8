// Writes transactions of several of Kafka's own producers, interleaved in one partition, some committed and some aborted,
// and records outside any transaction between them. Reproducible by its seed.
// Arguments: bootstrap servers, topic, prefix of the transactional ids, number of rounds, seed.
// The value of each record is "committed", "aborted" or "plain" with a number: what a right reader must and must not see.
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class InterleaveTransactions {
    private static final int PRODUCERS = 3;
    private static final String[] CODECS = {"none", "gzip", "snappy"};

    public static void main(String[] args) {
        Random random = new Random(Long.parseLong(args[4]));
        List<KafkaProducer<String, String>> producers = new ArrayList<>();
        for (int i = 0; i < PRODUCERS; i++) producers.add(producer(args[0], args[2] + i, CODECS[i]));
        KafkaProducer<String, String> plain = producer(args[0], null, "none");
        for (KafkaProducer<String, String> producer : producers) producer.initTransactions();
        boolean[] open = new boolean[PRODUCERS];
        boolean[] commits = new boolean[PRODUCERS];
        int number = 0;
        for (int round = 0; round < Integer.parseInt(args[3]); round++) {
            int i = random.nextInt(PRODUCERS);
            KafkaProducer<String, String> producer = producers.get(i);
            if (!open[i]) {
                producer.beginTransaction();
                commits[i] = random.nextBoolean();
                open[i] = true;
            }
            for (int count = 1 + random.nextInt(4); count > 0; count--) {
                send(producer, args[1], (commits[i] ? "committed " : "aborted ") + number++);
            }
            if (random.nextInt(3) == 0) {
                end(producer, commits[i]);
                open[i] = false;
            }
            if (random.nextInt(4) == 0) send(plain, args[1], "plain " + number++);
        }
        for (int i = 0; i < PRODUCERS; i++) if (open[i]) end(producers.get(i), commits[i]);
        for (KafkaProducer<String, String> producer : producers) producer.close();
        plain.close();
    }

    private static void send(KafkaProducer<String, String> producer, String topic, String value) {
        producer.send(new ProducerRecord<>(topic, 0, null, value));
        producer.flush();
    }

    private static void end(KafkaProducer<String, String> producer, boolean commit) {
        if (commit) producer.commitTransaction();
        else producer.abortTransaction();
    }

    private static KafkaProducer<String, String> producer(String bootstrap, String transactionalId, String codec) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("compression.type", codec);
        if (transactionalId != null) settings.put("transactional.id", transactionalId);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }
}
