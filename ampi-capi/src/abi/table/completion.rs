//! 3.7 Completion of requests.

/// Chapter of the standard.
pub const TITLE: &str = "3.7 Completion of requests";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Waits for a request.
            small MPI_Wait (request: RequestInOut, status: OutStatus) = pt2pt::wait;
            /// Waits for one of many requests.
            small MPI_Waitany (count: NonNegative, array_of_requests: RequestsInOut, indx: OutInt, status: OutStatus) = pt2pt::waitany;
            /// Waits for all requests.
            small MPI_Waitall (count: NonNegative, array_of_requests: RequestsInOut, array_of_statuses: OutStatuses) = pt2pt::waitall;
            /// Waits for at least one request.
            small MPI_Waitsome (incount: NonNegative, array_of_requests: RequestsInOut, outcount: OutInt, array_of_indices: OutInts, array_of_statuses: OutStatuses) = pt2pt::waitsome;
            /// Has the request completed?
            small MPI_Test (request: RequestInOut, flag: OutFlag, status: OutStatus) = pt2pt::test;
            /// Has one of many requests completed?
            small MPI_Testany (count: NonNegative, array_of_requests: RequestsInOut, indx: OutInt, flag: OutFlag, status: OutStatus) = pt2pt::testany;
            /// Have all requests completed?
            small MPI_Testall (count: NonNegative, array_of_requests: RequestsInOut, flag: OutFlag, array_of_statuses: OutStatuses) = pt2pt::testall;
            /// Which requests have completed?
            small MPI_Testsome (incount: NonNegative, array_of_requests: RequestsInOut, outcount: OutInt, array_of_indices: OutInts, array_of_statuses: OutStatuses) = pt2pt::testsome;
            /// Frees a request; the operation goes on.
            small MPI_Request_free (request: RequestInOut) = pt2pt::request_free;
            /// Has the request completed? It stays.
            small MPI_Request_get_status (request: RequestHandle, flag: OutFlag, status: OutStatus) = pt2pt::request_get_status;
            /// Has one of many requests completed? They stay.
            small MPI_Request_get_status_any (count: NonNegative, array_of_requests: RequestsIn, indx: OutInt, flag: OutFlag, status: OutStatus) = pt2pt::request_get_status_any;
            /// Have all requests completed? They stay.
            small MPI_Request_get_status_all (count: NonNegative, array_of_requests: RequestsIn, flag: OutFlag, array_of_statuses: OutStatuses) = pt2pt::request_get_status_all;
            /// Which requests have completed? They stay.
            small MPI_Request_get_status_some (incount: NonNegative, array_of_requests: RequestsIn, outcount: OutInt, array_of_indices: OutInts, array_of_statuses: OutStatuses) = pt2pt::request_get_status_some;
            /// Cancels an operation.
            small MPI_Cancel (request: RequestInOut) = pt2pt::cancel;
        }
    };
}
pub(crate) use entries;
