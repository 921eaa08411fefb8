// Prints facts of Kafka's own classes as JSON lines: the table of errors, and the partitions and checksums of given bytes.
//   Tables errors
//   Tables keys    prints keys with their hash, their partition for several counts, and their CRC-32C
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.CRC32C;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.Utils;

public class Tables {
    public static void main(String[] args) throws Exception {
        ArrayNode rows = args[0].equals("errors") ? errors() : keys();
        for (JsonNode row : rows) System.out.println(row);
    }

    static ArrayNode errors() {
        ArrayNode rows = new ObjectMapper().createArrayNode();
        for (Errors error : Errors.values()) {
            ObjectNode row = rows.addObject();
            row.put("code", error.code());
            row.put("name", error.name());
            row.put("retriable", error.exception() instanceof RetriableException);
        }
        return rows;
    }

    static ArrayNode keys() {
        ArrayNode rows = new ObjectMapper().createArrayNode();
        Random random = new Random(11);
        for (int length = 0; length < 70; length++) {
            byte[] key = new byte[length];
            random.nextBytes(key);
            CRC32C crc = new CRC32C();
            crc.update(key);
            ObjectNode row = rows.addObject();
            row.put("key", HexFormat.of().formatHex(key));
            row.put("murmur2", Utils.murmur2(key));
            row.put("crc32c", crc.getValue());
            ObjectNode partitions = row.putObject("partitions");
            for (int count : new int[] {1, 2, 7, 12, 1000, Integer.MAX_VALUE})
                partitions.put(Integer.toString(count), BuiltInPartitioner.partitionForKey(key, count));
        }
        return rows;
    }
}
