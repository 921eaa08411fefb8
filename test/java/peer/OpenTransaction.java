// Begins a transaction with Kafka's own producer, sends and flushes records, prints what another client needs to end the
// transaction (transactional id, producer id, producer epoch, and 2 or 1 for the transaction version in use), and dies
// without closing anything, so that the transaction stays open. The ids are private to the producer: read by reflection.
// Arguments: bootstrap servers, topic, transactional id, number of records, transaction timeout in ms.
// Record i has the key "k<i>" and the value "v<i>" and goes to partition i modulo the number of partitions.
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class OpenTransaction {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("transactional.id", args[2]);
        settings.put("transaction.timeout.ms", args[4]);
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        producer.beginTransaction();
        int partitions = producer.partitionsFor(args[1]).size();
        for (int i = 0; i < Integer.parseInt(args[3]); i++) {
            producer.send(new ProducerRecord<>(args[1], i % partitions, "k" + i, "v" + i));
        }
        producer.flush();
        Object manager = field(producer, "transactionManager");
        Object ids = field(manager, "producerIdAndEpoch");
        System.out.println(args[2] + " " + field(ids, "producerId") + " " + field(ids, "epoch") + " " + version(manager));
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static Object field(Object owner, String name) throws Exception {
        Field field = owner.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.get(owner);
    }

    private static int version(Object manager) throws Exception {
        Method isVersion2 = manager.getClass().getDeclaredMethod("isTransactionV2Enabled");
        isVersion2.setAccessible(true);
        return (boolean) isVersion2.invoke(manager) ? 2 : 1;
    }
}
