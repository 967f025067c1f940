import { configPath, readConfigFile } from '../../../cli/session/config-file.js';
import { connectionSettings } from '../../../cli/session/settings.js';
import { connectApi } from '../../../cli/client.js';
import { systemClock } from '../../../shared/clock.js';
import {
  IsolateDevicesRequest,
  IsolationServiceService,
} from '../../../shared/gen/cordon/v1/isolation_service.js';

/** `order-program DEVICE REQUEST_ID`: one order to isolate with a request id of the caller's, as a client that repeats it. */

const [device = '', requestId = ''] = process.argv.slice(2);
const settings = connectionSettings({}, process.env, readConfigFile(configPath(process.env)));
const api = connectApi(settings, { clock: systemClock, random: Math.random });
const request = IsolateDevicesRequest.fromPartial({ devices: [device], reason: 'repeated', requestId });
const { orders } = await api.unary(IsolationServiceService.isolateDevices, request);
api.close();
console.log(
  JSON.stringify(
    orders.map(({ generation, directiveId }) => ({ generation: String(generation), directiveId })),
  ),
);
