// Assigns by the uniform assignor of Kafka's group coordinator. Standard input has one group a line: topics as
// `id=partitions`, separated by commas, then after blanks one member each as `id:topics:target`, both with places of topics
// as `0+2` and `0/1+2/0`. For each line one is printed: the partitions of each member, as a target is written, in order.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

public class UniformAssignments {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isEmpty()) System.out.println(assign(line.split(" ")));
        }
    }

    private static String assign(String[] parts) {
        List<Uuid> topics = new ArrayList<>();
        Map<Uuid, Integer> counts = new HashMap<>();
        for (String topic : parts[0].split(",")) {
            String[] idAndCount = topic.split("=");
            topics.add(Uuid.fromString(idAndCount[0]));
            counts.put(topics.get(topics.size() - 1), Integer.parseInt(idAndCount[1]));
        }
        // Members are taken in the order of this map.
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        Set<Set<Uuid>> subscriptions = new HashSet<>();
        for (int i = 1; i < parts.length; i++) {
            String[] fields = parts[i].split(":", -1);
            Set<Uuid> read = new HashSet<>();
            for (String place : fields[1].split("\\+")) read.add(topics.get(Integer.parseInt(place)));
            subscriptions.add(read);
            Map<Uuid, Set<Integer>> target = new HashMap<>();
            for (String slot : fields[2].isEmpty() ? new String[0] : fields[2].split("\\+")) {
                Uuid topic = topics.get(Integer.parseInt(slot.split("/")[0]));
                int partition = Integer.parseInt(slot.split("/")[1]);
                target.computeIfAbsent(topic, id -> new HashSet<>()).add(partition);
                owners.computeIfAbsent(topic, id -> new HashMap<>()).put(partition, fields[0]);
            }
            Assignment before = new Assignment(Collections.unmodifiableMap(target));
            members.put(fields[0], new MemberSubscriptionAndAssignmentImpl(Optional.empty(), Optional.empty(), read, before));
        }
        SubscriptionType type = subscriptions.size() == 1 ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
        GroupAssignment made = new UniformAssignor().assign(new GroupSpecImpl(members, type, owners), describer(counts));
        List<String> results = new ArrayList<>();
        for (String id : members.keySet()) {
            List<String> slots = new ArrayList<>();
            Map<Uuid, Set<Integer>> own = made.members().get(id).partitions();
            for (int i = 0; i < topics.size(); i++) {
                for (int partition : new TreeSet<>(own.getOrDefault(topics.get(i), Set.of()))) slots.add(i + "/" + partition);
            }
            results.add(String.join("+", slots));
        }
        return String.join(" ", results) + ".";
    }

    private static SubscribedTopicDescriber describer(Map<Uuid, Integer> counts) {
        return new SubscribedTopicDescriber() {
            @Override
            public int numPartitions(Uuid topicId) {
                return counts.getOrDefault(topicId, -1);
            }

            @Override
            public Set<String> racksForPartition(Uuid topicId, int partition) {
                return Set.of();
            }
        };
    }
}
