/** Code, name in winerror.h, what to do. */
export type ErrorCode = readonly [code: number, name: string, advice: string];

const REPORT = 'this is a defect of this program: report it with this message';
const REOPEN = 'open another session';

/** Every FWP_E_* of winerror.h; a test compares with the header. */
export const WFP_CODES: readonly ErrorCode[] = [
  [0x80320001, 'FWP_E_CALLOUT_NOT_FOUND', 'No callout has that key: its driver is not installed'],
  [0x80320002, 'FWP_E_CONDITION_NOT_FOUND', `The layer has no such field: ${REPORT}`],
  [
    0x80320003,
    'FWP_E_FILTER_NOT_FOUND',
    'No filter has that key: somebody else deleted it, so compare and apply again',
  ],
  [0x80320004, 'FWP_E_LAYER_NOT_FOUND', `This Windows has no such layer: ${REPORT}`],
  [0x80320005, 'FWP_E_PROVIDER_NOT_FOUND', 'No provider has that key: add it before what names it'],
  [
    0x80320006,
    'FWP_E_PROVIDER_CONTEXT_NOT_FOUND',
    'No provider context has that key: add it before what names it',
  ],
  [0x80320007, 'FWP_E_SUBLAYER_NOT_FOUND', 'No sublayer has that key: add it before what names it'],
  [
    0x80320008,
    'FWP_E_NOT_FOUND',
    'The object does not exist: somebody else deleted it, so compare and apply again',
  ],
  [
    0x80320009,
    'FWP_E_ALREADY_EXISTS',
    'An object of that key or id exists: delete it in the same transaction first',
  ],
  [
    0x8032000a,
    'FWP_E_IN_USE',
    'Another object still names this one: delete filters first, then sublayers, then providers',
  ],
  [
    0x8032000b,
    'FWP_E_DYNAMIC_SESSION_IN_PROGRESS',
    'Not possible in a dynamic session: open one that is not',
  ],
  [0x8032000c, 'FWP_E_WRONG_SESSION', 'The call belongs to another session: use the one that began it'],
  [0x8032000d, 'FWP_E_NO_TXN_IN_PROGRESS', 'The call needs a transaction and none is open: begin one'],
  [0x8032000e, 'FWP_E_TXN_IN_PROGRESS', 'This session has a transaction open: end it first'],
  [
    0x8032000f,
    'FWP_E_TXN_ABORTED',
    'Windows aborted the transaction because it was open for too long: run it again',
  ],
  [0x80320010, 'FWP_E_SESSION_ABORTED', `Windows ended the session: ${REOPEN}`],
  [0x80320011, 'FWP_E_INCOMPATIBLE_TXN', 'Not possible in a read-only transaction: begin one that may write'],
  [
    0x80320012,
    'FWP_E_TIMEOUT',
    'Another program holds the lock of the filter engine: end it, or wait for it',
  ],
  [0x80320013, 'FWP_E_NET_EVENTS_DISABLED', 'Windows does not collect network events: switch that on first'],
  [0x80320014, 'FWP_E_INCOMPATIBLE_LAYER', `The object does not fit this layer: ${REPORT}`],
  [0x80320015, 'FWP_E_KM_CLIENTS_ONLY', `Only drivers may make this call: ${REPORT}`],
  [
    0x80320016,
    'FWP_E_LIFETIME_MISMATCH',
    'It names an object that does not live as long: delete what an older version left behind, then apply again',
  ],
  [0x80320017, 'FWP_E_BUILTIN_OBJECT', 'The object belongs to Windows and cannot be changed or deleted'],
  [
    0x80320018,
    'FWP_E_TOO_MANY_CALLOUTS',
    'The layer has as many callouts as it can have: remove another product',
  ],
  [
    0x80320019,
    'FWP_E_NOTIFICATION_DROPPED',
    'A notification was lost for want of space: read the state anew',
  ],
  [
    0x8032001a,
    'FWP_E_TRAFFIC_MISMATCH',
    `The kind of traffic differs from that of the related object: ${REPORT}`,
  ],
  [
    0x8032001b,
    'FWP_E_INCOMPATIBLE_SA_STATE',
    `Not possible in the present state of the IPsec association: ${REPORT}`,
  ],
  [0x8032001c, 'FWP_E_NULL_POINTER', `A required pointer is missing: ${REPORT}`],
  [0x8032001d, 'FWP_E_INVALID_ENUMERATOR', `A number is none of its enumeration: ${REPORT}`],
  [
    0x8032001e,
    'FWP_E_INVALID_FLAGS',
    `The flags contain one that is unknown or does not go with another: ${REPORT}`,
  ],
  [
    0x8032001f,
    'FWP_E_INVALID_NET_MASK',
    `The network mask is not a row of ones followed by zeros: ${REPORT}`,
  ],
  [0x80320020, 'FWP_E_INVALID_RANGE', `The lower end of a range is above the upper one: ${REPORT}`],
  [0x80320021, 'FWP_E_INVALID_INTERVAL', `The interval of time is not possible: ${REPORT}`],
  [0x80320022, 'FWP_E_ZERO_LENGTH_ARRAY', `A list or blob is empty that must not be: ${REPORT}`],
  [0x80320023, 'FWP_E_NULL_DISPLAY_NAME', `The object has no name: ${REPORT}`],
  [0x80320024, 'FWP_E_INVALID_ACTION_TYPE', `The action of the filter is none: ${REPORT}`],
  [0x80320025, 'FWP_E_INVALID_WEIGHT', `The weight is out of its range: ${REPORT}`],
  [
    0x80320026,
    'FWP_E_MATCH_TYPE_MISMATCH',
    `The comparison does not go with the type of the value: ${REPORT}`,
  ],
  [0x80320027, 'FWP_E_TYPE_MISMATCH', `The type of a value is not the one of its field: ${REPORT}`],
  [0x80320028, 'FWP_E_OUT_OF_BOUNDS', `A number is out of its bounds: ${REPORT}`],
  [0x80320029, 'FWP_E_RESERVED', `A reserved member is not zero: ${REPORT}`],
  [0x8032002a, 'FWP_E_DUPLICATE_CONDITION', `Two conditions of the filter are the same: ${REPORT}`],
  [0x8032002b, 'FWP_E_DUPLICATE_KEYMOD', `A keying module occurs twice: ${REPORT}`],
  [0x8032002c, 'FWP_E_ACTION_INCOMPATIBLE_WITH_LAYER', `The layer does not take this action: ${REPORT}`],
  [
    0x8032002d,
    'FWP_E_ACTION_INCOMPATIBLE_WITH_SUBLAYER',
    `The sublayer does not take this action: ${REPORT}`,
  ],
  [0x8032002e, 'FWP_E_CONTEXT_INCOMPATIBLE_WITH_LAYER', `The layer does not take this context: ${REPORT}`],
  [
    0x8032002f,
    'FWP_E_CONTEXT_INCOMPATIBLE_WITH_CALLOUT',
    `The callout does not take this context: ${REPORT}`,
  ],
  [
    0x80320030,
    'FWP_E_INCOMPATIBLE_AUTH_METHOD',
    `The authentication method does not fit the policy: ${REPORT}`,
  ],
  [0x80320031, 'FWP_E_INCOMPATIBLE_DH_GROUP', `The Diffie-Hellman group does not fit the policy: ${REPORT}`],
  [0x80320032, 'FWP_E_EM_NOT_SUPPORTED', `An IKE policy cannot have an Extended Mode policy: ${REPORT}`],
  [
    0x80320033,
    'FWP_E_NEVER_MATCH',
    `The conditions exclude each other, so that nothing can match: ${REPORT}`,
  ],
  [0x80320034, 'FWP_E_PROVIDER_CONTEXT_MISMATCH', `The provider context is of another type: ${REPORT}`],
  [0x80320035, 'FWP_E_INVALID_PARAMETER', `An argument is not possible: ${REPORT}`],
  [
    0x80320036,
    'FWP_E_TOO_MANY_SUBLAYERS',
    'Windows has as many sublayers as it can have: remove another firewall product',
  ],
  [
    0x80320037,
    'FWP_E_CALLOUT_NOTIFICATION_FAILED',
    'A driver refused the filter: look for its entry in the event log',
  ],
  [
    0x80320038,
    'FWP_E_INVALID_AUTH_TRANSFORM',
    `The authentication transform of IPsec is not possible: ${REPORT}`,
  ],
  [0x80320039, 'FWP_E_INVALID_CIPHER_TRANSFORM', `The cipher transform of IPsec is not possible: ${REPORT}`],
];

const START = 'start the service "Base Filtering Engine" (sc start BFE) and look why it does not run';

/** Those of Windows itself that calls to the filter engine return. */
export const WIN32_CODES: readonly ErrorCode[] = [
  [2, 'ERROR_FILE_NOT_FOUND', 'There is no such file'],
  [3, 'ERROR_PATH_NOT_FOUND', 'There is no such folder'],
  [5, 'ERROR_ACCESS_DENIED', 'Run as the service or as an elevated administrator'],
  [6, 'ERROR_INVALID_HANDLE', `The session is closed: ${REOPEN}`],
  [8, 'ERROR_NOT_ENOUGH_MEMORY', 'Windows has no memory left: end other programs'],
  [14, 'ERROR_OUTOFMEMORY', 'Windows has no memory left: end other programs'],
  [32, 'ERROR_SHARING_VIOLATION', 'Another program has the file open for itself: try again later'],
  [87, 'ERROR_INVALID_PARAMETER', `An argument is not possible: ${REPORT}`],
  [122, 'ERROR_INSUFFICIENT_BUFFER', `The memory given is too small: ${REPORT}`],
  [317, 'ERROR_MR_MID_NOT_FOUND', 'Windows has no text for what happened: the object may be gone already'],
  [1062, 'ERROR_SERVICE_NOT_ACTIVE', `The filter engine does not run: ${START}`],
  [1115, 'ERROR_SHUTDOWN_IN_PROGRESS', 'The computer is shutting down'],
  [1168, 'ERROR_NOT_FOUND', 'The object does not exist'],
  [1338, 'ERROR_INVALID_SECURITY_DESCR', `The security descriptor is malformed: ${REPORT}`],
  [1450, 'ERROR_NO_SYSTEM_RESOURCES', 'Windows has no resources left: end other programs'],
  [1717, 'RPC_S_UNKNOWN_IF', `The filter engine is still starting or is stopping: ${START}`],
  [1722, 'RPC_S_SERVER_UNAVAILABLE', `The filter engine does not answer: ${START}`],
  [1726, 'RPC_S_CALL_FAILED', `The filter engine ended during the call: ${START}`],
  [1727, 'RPC_S_CALL_FAILED_DNE', `The filter engine ended before the call: ${START}`],
  [1753, 'EPT_S_NOT_REGISTERED', `The filter engine does not run: ${START}`],
  [
    1764,
    'RPC_S_CANNOT_SUPPORT',
    'This system has the library but no filter engine behind it (Wine, for example)',
  ],
  [1783, 'RPC_X_BAD_STUB_DATA', `An argument is malformed: ${REPORT}`],
  [
    0x8007053a,
    'HRESULT_FROM_WIN32(ERROR_INVALID_SECURITY_DESCR)',
    `A condition's security descriptor is malformed: ${REPORT}`,
  ],
];
