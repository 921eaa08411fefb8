// Owns the sets of operations that everyone may do on a cluster without an authorizer, as clients may ask for them.
// Source: AuthHelper.authorizedOperations, org.apache.kafka.security.authorizer.AclEntry. KIP-430.

/** Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs. */
export const topicOperations = 3576

/** Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite. */
export const clusterOperations = 8096

/** For whoever did not ask. */
export const operationsNotAsked = -2147483648
