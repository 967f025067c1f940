/**
 * Name in every Cordon server certificate beside the names of the machine. Agents verify this one: they trust nothing
 * but the CA that they pinned, so the server may move to another address without new certificates on the fleet.
 */
export const SERVER_TLS_NAME = 'server.cordon.internal';
