export { toProtoJson } from '../../shared/proto-json.js';
