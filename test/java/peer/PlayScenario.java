// Plays the scenario of test/testing/peers/scenario.ts with Kafka's own clients and prints the same report: topics,
// records, a group that gains and loses a member and is resumed from its committed offsets, transactions.
// Arguments: bootstrap servers, name, group protocol (classic or consumer; with a comma, that of the first member and that
// of the second one), then settings of clients as name=value.
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class PlayScenario {
    private static final int PARTITIONS = 4;
    private static final long PATIENCE_MS = 30_000;

    private static final Properties common = new Properties();
    private static String firstProtocol;
    private static String secondProtocol;

    public static void main(String[] args) throws Exception {
        common.put("bootstrap.servers", args[0]);
        String[] protocols = args[2].split(",");
        firstProtocol = protocols[0];
        secondProtocol = protocols[protocols.length - 1];
        for (int i = 3; i < args.length; i++) common.put(args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
        String orders = args[1] + "-orders";
        String payments = args[1] + "-payments";
        List<String> report = new ArrayList<>();
        try (Admin admin = Admin.create(common)) {
            admin.createTopics(List.of(new NewTopic(orders, PARTITIONS, (short) 1))).all().get();
            admin.createTopics(List.of(new NewTopic(payments, 1, (short) 1))).all().get();
            int seen = admin.describeTopics(List.of(orders)).allTopicNames().get().get(orders).partitions().size();
            report.add("\"partitions\":" + seen);
        }
        produce(orders, "first", 40);
        playGroup(args[1] + "-group", orders, report);
        produce(orders, "later", 8);
        Member resumed = new Member(firstProtocol, args[1] + "-group", orders);
        until("the later records", () -> resumed.values.size() >= 8, resumed);
        for (int i = 0; i < 10; i++) resumed.poll();
        resumed.consumer.close();
        report.add("\"resumed\":" + strings(new ArrayList<>(resumed.values), true));
        transact(payments);
        report.add("\"committed\":" + strings(read(payments, "read_committed"), false));
        report.add("\"uncommitted\":" + strings(read(payments, "read_uncommitted"), false));
        System.out.println("{" + String.join(",", report) + "}");
    }

    private static void playGroup(String group, String topic, List<String> report) {
        Member a = new Member(firstProtocol, group, topic);
        until("the first member to have all partitions", () -> a.assigned().size() == PARTITIONS, a);
        report.add("\"alone\":" + a.assigned());
        Member b = new Member(secondProtocol, group, topic);
        until("two partitions each", () -> a.assigned().size() == 2 && b.assigned().size() == 2, a, b);
        TreeSet<Integer> both = new TreeSet<>(a.assigned());
        both.addAll(b.assigned());
        report.add("\"shared\":[" + a.assigned().size() + "," + b.assigned().size() + "," + both + "]");
        until("all records", () -> a.hasReadAll() && b.hasReadAll(), a, b);
        a.consumer.commitSync();
        b.consumer.commitSync();
        b.consumer.close();
        until("the first member to have all partitions again", () -> a.assigned().size() == PARTITIONS, a);
        report.add("\"left\":" + a.assigned());
        a.consumer.close();
        TreeSet<String> values = new TreeSet<>(a.values);
        values.addAll(b.values);
        report.add("\"read\":" + strings(new ArrayList<>(values), true));
    }

    private static class Member {
        final List<String> values = new ArrayList<>();
        final KafkaConsumer<String, String> consumer;

        Member(String protocol, String group, String topic) {
            Properties settings = consumerSettings();
            settings.put("group.id", group);
            settings.put("group.protocol", protocol);
            if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", "200");
            consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
            consumer.subscribe(List.of(topic));
        }

        TreeSet<Integer> assigned() {
            return consumer.assignment().stream().map(TopicPartition::partition)
                .collect(Collectors.toCollection(TreeSet::new));
        }

        /** Whether it stands at the end of its partitions: after a rebalance it reads again what was not committed. */
        boolean hasReadAll() {
            return consumer.assignment().size() == PARTITIONS / 2
                && consumer.assignment().stream().allMatch(one -> consumer.position(one) == 40 / PARTITIONS);
        }

        void poll() {
            consumer.poll(Duration.ofMillis(30)).forEach(record -> values.add(record.value()));
        }
    }

    private static Properties consumerSettings() {
        Properties settings = new Properties();
        settings.putAll(common);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("fetch.max.wait.ms", "100");
        return settings;
    }

    private static void produce(String topic, String name, int count) {
        try (KafkaProducer<String, String> producer = producer(null)) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, name + " " + i));
            }
        }
    }

    private static void transact(String topic) {
        String[] names = {"kept", "dropped", "kept too"};
        try (KafkaProducer<String, String> producer = producer(topic + "-id")) {
            producer.initTransactions();
            for (String name : names) {
                producer.beginTransaction();
                for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>(topic, 0, null, name + " " + i));
                producer.flush();
                if (name.equals("dropped")) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
    }

    private static KafkaProducer<String, String> producer(String transactionalId) {
        Properties settings = new Properties();
        settings.putAll(common);
        if (transactionalId != null) settings.put("transactional.id", transactionalId);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private static List<String> read(String topic, String isolation) {
        Properties settings = consumerSettings();
        settings.put("isolation.level", isolation);
        List<String> values = new ArrayList<>();
        TopicPartition partition = new TopicPartition(topic, 0);
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        try (KafkaConsumer<String, String> consumer =
                 new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            while (!values.contains("kept too 4") && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(30))) {
                    values.add(record.value());
                }
            }
        }
        return values;
    }

    private static void until(String what, BooleanSupplier isTrue, Member... members) {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (!isTrue.getAsBoolean()) {
            if (System.currentTimeMillis() > deadline) throw new IllegalStateException("waited for " + what);
            for (Member member : members) member.poll();
        }
    }

    private static String strings(List<String> values, boolean sort) {
        if (sort) Collections.sort(values);
        return values.stream().map(value -> "\"" + value + "\"").collect(Collectors.joining(",", "[", "]"));
    }
}
