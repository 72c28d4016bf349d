// What the ECP5's cells in the Ethernet core do, without their delays; of all but the flip-flop Yosys
// knows the ports only. See Lattice's FPGA-TN-02035, "ECP5 and ECP5-5G High-Speed I/O Interface".

// Both edges of the clock to two bits: those of a rising edge and of the falling one after it
// appear together at the next rising edge.
module IDDRX1F (
    input  D, SCLK,
    output reg Q0, Q1
);
    reg rising, falling;
    always @(posedge SCLK) begin
        rising <= D;
        Q0 <= rising;
        Q1 <= falling;
    end
    always @(negedge SCLK) falling <= D;
endmodule

// Two bits, taken together at the rising edge, to both halves of a period.
module ODDRX1F (
    input  D0, D1, SCLK,
    output Q
);
    reg first, second, waiting;
    always @(posedge SCLK) begin
        first <= D0;
        waiting <= D1;
    end
    always @(negedge SCLK) second <= waiting;
    assign Q = SCLK ? first : second;
endmodule

module DELAYG #(
    parameter DEL_MODE = "USER_DEFINED",
    parameter DEL_VALUE = 0
) (
    input  A,
    output Z
);
    assign Z = A;
endmodule

// A flip-flop with an asynchronous preset.
module FD1S3BX (
    input  CK, D, PD,
    output reg Q
);
    initial Q = 1'b1;
    always @(posedge CK or posedge PD)
        if (PD) Q <= 1'b1;
        else Q <= D;
endmodule
